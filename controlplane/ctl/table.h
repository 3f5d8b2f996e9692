#pragma once
// A table as kubectl and linkerd print it: upper-case headings, columns as wide as their widest cell, three
// spaces between them, an absent value as "-", no blanks at the end of a line. Width is counted in code
// points. Thread rule: plain value.

#include <string>
#include <string_view>
#include <vector>

namespace weft::ctl {

enum class Align : unsigned char { kLeft, kRight };

struct Column {
  std::string name;
  Align align = Align::kLeft;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);

  void Add(std::vector<std::string> cells);  // missing and empty cells become "-"
  bool empty() const { return rows_.empty(); }
  std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace weft::ctl
