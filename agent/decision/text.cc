#include "agent/decision/text.h"

namespace weft::decision {
namespace {

bool NeedsEscape(char c) {
  return c == '%' || c == ' ' || c == '=' || c == '+' || static_cast<unsigned char>(c) < 0x20 ||
         static_cast<unsigned char>(c) >= 0x7f;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

LineWriter& LineWriter::Put(std::string_view key, std::string_view value) {
  text_ += ' ';
  text_ += key;
  text_ += '=';
  for (const char c : value) {
    if (!NeedsEscape(c)) {
      text_ += c;
      continue;
    }
    constexpr char kHex[] = "0123456789abcdef";
    text_ += '%';
    text_ += kHex[static_cast<unsigned char>(c) >> 4];
    text_ += kHex[static_cast<unsigned char>(c) & 15];
  }
  return *this;
}

LineReader::LineReader(std::string_view line) {
  const std::size_t end = line.find(' ');
  op_ = line.substr(0, end);
  while (line.find(' ') != std::string_view::npos) {
    line.remove_prefix(line.find(' ') + 1);
    const std::string_view word = line.substr(0, line.find(' '));
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    values_.emplace_back(word.substr(0, equals), Unescape(word.substr(equals + 1)));
  }
}

std::string LineReader::Text(std::string_view key) const {
  for (const auto& [k, value] : values_) {
    if (k == key) return value;
  }
  return {};
}

std::vector<std::string> LineReader::All(std::string_view key) const {
  std::vector<std::string> all;
  for (const auto& [k, value] : values_) {
    if (k == key) all.push_back(value);
  }
  return all;
}

}  // namespace weft::decision
