#include "common/result/result.h"

#include <array>
#include <stdexcept>

namespace weft {

class BadResult : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string_view ToString(ErrorKind kind) {
  static constexpr std::array<std::string_view, 13> kNames = {
      "invalid",   "not_found",  "conflict",    "precondition_failed", "unauthenticated",
      "forbidden", "too_large",  "unsupported", "unavailable",         "timeout",
      "gone",      "overloaded", "internal"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string Error::Text() const {
  std::string text;
  for (const std::string* part : {&where, &field}) {
    if (!part->empty()) text.append(*part).append(": ");
  }
  return text + detail;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw BadResult(error.Text());
}

}  // namespace weft
