#pragma once
// One line per decision, as text or JSON: spdlog wrapped once. A field whose key sounds like a secret (token,
// password, authorization, cookie, secret) is written as "***", whoever passes it.
// Thread rule: any thread; Configure before others start. Off the request path; the access log has its own
// writer.

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "common/result/result.h"

namespace weft::log {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class Format : std::uint8_t { kText, kJson };

Result<Level> ParseLevel(std::string_view text);    // debug, info, warn, error
Result<Format> ParseFormat(std::string_view text);  // text, json

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <class Integer>
  requires std::is_integral_v<Integer> Field(std::string_view k, Integer v)
      : key(k), value(static_cast<std::int64_t>(v)) {}

  std::string_view key;
  std::variant<std::string, std::int64_t, double, bool> value;
};
using Fields = std::initializer_list<Field>;

struct Settings {
  Level level = Level::kInfo;
  Format format = Format::kText;
  std::string path;  // empty: standard error
};
Status Configure(const Settings& settings);
void SetLevel(Level level);

void Debug(std::string_view message, Fields fields = {});
void Info(std::string_view message, Fields fields = {});
void Warn(std::string_view message, Fields fields = {});
void Error(std::string_view message, Fields fields = {});

// The line as it is written, without its end: for tests and for other sinks. `at`: RFC 3339.
std::string Render(Format format, Level level, std::string_view at, std::string_view message, Fields fields);

// Lets `burst` lines of one kind through per second; says how many were held back with the next one that
// passes.
class Limiter {
 public:
  explicit Limiter(std::uint32_t burst = 5) : burst_(burst) {}
  // Zero: hold this line back. Else 1 + the number held back since the last that passed. now_ns: monotonic.
  std::uint64_t Pass(std::int64_t now_ns);

 private:
  std::mutex mutex_;
  std::uint32_t burst_;
  std::uint32_t used_ = 0;
  std::uint64_t held_ = 0;
  std::int64_t second_ = -1;
};

}  // namespace weft::log
