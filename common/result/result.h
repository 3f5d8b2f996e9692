#pragma once
// Errors as values. A detail text is one sentence that tells an operator which thing to change; `field` is a
// path into the input ("spec.circuitBreaker.openDuration"), `where` its place ("mesh.yaml:12:5"); both may be
// empty. Thread rule: plain values.

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft {

enum class ErrorKind : std::uint8_t {
  kInvalid,             // the input is wrong; 400
  kNotFound,            // 404
  kConflict,            // lost a race or already exists; 409
  kPreconditionFailed,  // stale If-Match; 412
  kUnauthenticated,     // 401
  kForbidden,           // 403
  kTooLarge,            // 413
  kUnsupported,         // reserved or not built in; 501
  kUnavailable,         // try again later; 503
  kTimeout,             // 504
  kGone,                // was there once, but is kept no longer; 410
  kOverloaded,          // a bound was reached; 429
  kInternal,            // our own bug or a broken disk; 500
};

std::string_view ToString(ErrorKind kind);  // "invalid", "not_found", …

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string detail;
  std::string field;
  std::string where;

  std::string Text() const;  // "where: field: detail", empty parts left out
};

inline Error Invalid(std::string detail, std::string field = {}, std::string where = {}) {
  return Error{ErrorKind::kInvalid, std::move(detail), std::move(field), std::move(where)};
}

// What Result::value() throws when there is none; only start-up code and tests let it happen.
class BadResult;
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

}  // namespace weft
