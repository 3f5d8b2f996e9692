#include "controlplane/ctl/table.h"

#include <algorithm>

namespace weft::ctl {
namespace {

constexpr std::size_t kGap = 3;

std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
}

void AppendCell(std::string& line, const std::string& cell, std::size_t width, Align align) {
  const std::string pad(width - std::min(width, Width(cell)), ' ');
  line += align == Align::kRight ? pad + cell : cell + pad;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) {
    if (cell.empty()) cell = "-";
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  std::vector<std::size_t> widths;
  std::vector<std::string> head;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    head.push_back(columns_[i].name);
    widths.push_back(Width(columns_[i].name));
    for (const auto& row : rows_) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  const auto append = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line.append(kGap, ' ');
      AppendCell(line, cells[i], widths[i], columns_[i].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  append(head);
  for (const auto& row : rows_) append(row);
  return text;
}

}  // namespace weft::ctl
