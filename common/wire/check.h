#pragma once
// Where in a message a value stands, and the first complaint about it. Paths live on the stack and become
// text only when something is wrong. Thread rule: one call.

#include <google/protobuf/repeated_ptr_field.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::wire {

class Path {
 public:
  Path() = default;  // the message itself
  explicit Path(std::string_view name, int index = -1) : name_(name), index_(index) {}
  Path(const Path& up, std::string_view name, int index = -1) : up_(&up), name_(name), index_(index) {}
  std::string Text() const;

 private:
  const Path* up_ = nullptr;
  std::string_view name_;
  int index_ = -1;
};

class Check {
 public:
  bool ok() const { return !error_; }
  Error TakeError() { return std::move(*error_); }
  void Fail(const Path& at, std::string detail);  // the first one stays

  // Each gives a usable value; what was wrong is in the error.
  Duration Span(const Path& at, std::string_view field, std::int64_t ns, bool zero_allowed = true);
  std::uint16_t Port(const Path& at, std::string_view field, std::uint32_t port, bool zero_allowed = false);
  std::uint32_t Count(const Path& at, std::string_view field, std::uint32_t n, std::uint32_t low,
                      std::uint32_t high);
  double Number(const Path& at, std::string_view field, double n, double low, double high);
  // An enumeration whose values run from 0 to `last`.
  template <class E>
  E Enum(const Path& at, std::string_view field, int value, E last) {
    if (value >= 0 && value <= static_cast<int>(last)) return static_cast<E>(value);
    Fail(Path(at, field),
         "has the unknown value " + std::to_string(value) + "; this program is too old for it");
    return E{};
  }
  std::string Label(const Path& at, std::string_view field, const std::string& text);  // RFC 1123 label
  std::string Token(const Path& at, std::string_view field, const std::string& text);  // RFC 9110 token
  // No control characters (a tab is allowed), at most `most` bytes.
  std::string Text(const Path& at, std::string_view field, const std::string& text, std::size_t most = 4096);
  std::string Required(const Path& at, std::string_view field, const std::string& text,
                       std::size_t most = 512);
  std::string Host(const Path& at, std::string_view field, const std::string& text,
                   bool wildcard);  // empty is fine

  template <class In, class Out, class Read>
  void Each(const Path& at, std::string_view field, const google::protobuf::RepeatedPtrField<In>& in,
            std::vector<Out>& out, int most, const Read& read) {
    if (in.size() > most) return Fail(Path(at, field), "has more than " + std::to_string(most) + " entries");
    out.reserve(static_cast<std::size_t>(in.size()));
    for (int i = 0; i < in.size() && ok(); ++i) out.push_back(read(in[i], Path(at, field, i), *this));
  }

 private:
  std::optional<Error> error_;
};

}  // namespace weft::wire
