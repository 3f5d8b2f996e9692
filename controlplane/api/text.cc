#include "controlplane/api/text.h"

#include "common/time/time.h"

#include <array>
#include <charconv>

namespace weft::api {
namespace {

constexpr std::array<std::string_view, 6> kProtocols = {"", "HTTP", "HTTP2", "GRPC", "TLS", "TCP"};

struct Unit {
  std::string_view suffix;
  std::int64_t ms;
};
constexpr Unit kUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

}  // namespace

Result<std::uint64_t> ParseEtag(std::string_view text) {
  if (text.empty()) return std::uint64_t{0};
  const std::string all(text);
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::uint64_t revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Error{ErrorKind::kPreconditionFailed, "'" + all + "' is no etag of this server", "If-Match", {}};
  }
  return revision;
}

std::string_view ProtocolName(v1::Protocol protocol) {
  const auto index = static_cast<std::size_t>(protocol);
  return index < kProtocols.size() ? kProtocols[index] : std::string_view();
}

Result<v1::Protocol> ParseProtocol(std::string_view text) {
  for (std::size_t i = 0; i < kProtocols.size(); ++i) {
    if (kProtocols[i] == text) return static_cast<v1::Protocol>(i);
  }
  return Invalid("'" + std::string(text) +
                 "' is no protocol; use HTTP, HTTP2, GRPC, TLS, TCP or leave it out");
}

Result<std::int64_t> ParseSpanMs(std::string_view text) {
  if (text == "0") return std::int64_t{0};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (error == std::errc{} && suffix == unit.suffix && number >= 0 && number < 100'000'000)
      return number * unit.ms;
  }
  return Invalid("'" + std::string(text) + "' is no span of time; write 30s, 500ms, 5m or 1h");
}

std::string SpanText(std::int64_t ms) {
  for (const Unit& unit : kUnits) {
    if (ms != 0 && ms % unit.ms == 0) return std::to_string(ms / unit.ms) + std::string(unit.suffix);
  }
  return "0s";
}

std::string UtcText(std::int64_t unix_ms) {
  if (unix_ms == 0) return {};
  return weft::UtcText(std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(unix_ms)));
}

}  // namespace weft::api
