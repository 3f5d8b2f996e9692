#pragma once
// The lines of a recording: "op key=value key=value …". Values are escaped like URLs (%20), so a line has no
// spaces within a value and can be edited by hand. Numbers are decimal; doubles as the shortest text that
// reads back the same. Plain values; not for the request path.

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/time/time.h"

namespace weft::decision {

class LineWriter {
 public:
  explicit LineWriter(std::string_view op) : text_(op) {}

  LineWriter& Put(std::string_view key, std::string_view value);
  LineWriter& Put(std::string_view key, const char* value) { return Put(key, std::string_view(value)); }
  LineWriter& Put(std::string_view key, bool value) { return Put(key, std::string_view(value ? "1" : "0")); }
  LineWriter& Put(std::string_view key, Duration value) { return Put(key, value.count()); }
  LineWriter& Put(std::string_view key, TimePoint value) { return Put(key, Nanos(value)); }
  template <class T>
  requires(std::is_arithmetic_v<T> && !std::same_as<T, bool>) LineWriter& Put(std::string_view key, T value) {
    char digits[40];
    return Put(key, std::string_view(digits,
                                     static_cast<std::size_t>(
                                         std::to_chars(digits, digits + sizeof digits, value).ptr - digits)));
  }
  template <class T>
  requires std::is_enum_v<T> LineWriter& Put(std::string_view key, T value) {
    return Put(key, static_cast<std::uint32_t>(value));
  }
  std::string& text() { return text_; }

 private:
  std::string text_;
};

class LineReader {
 public:
  explicit LineReader(std::string_view line);

  const std::string& op() const { return op_; }
  const std::vector<std::pair<std::string, std::string>>& values() const { return values_; }  // in order
  std::string Text(std::string_view key) const;  // "" when it is missing
  std::vector<std::string> All(std::string_view key) const;
  bool Bool(std::string_view key) const { return Text(key) == "1"; }
  TimePoint Time(std::string_view key) const { return FromNanos(Number<std::int64_t>(key)); }
  Duration Span(std::string_view key) const { return Duration(Number<std::int64_t>(key)); }
  template <class T>
  T Number(std::string_view key) const {  // 0 when it is missing or no number
    const std::string text = Text(key);
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  template <class T>
  T Enum(std::string_view key) const {
    return static_cast<T>(Number<std::uint32_t>(key));
  }

 private:
  std::string op_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace weft::decision
