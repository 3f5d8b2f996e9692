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

bool HasEtag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    std::string_view one = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"') one = one.substr(1, one.size() - 2);
    if (one == etag) return true;
  }
  return false;
}

std::string EtagOfBytes(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string out(16, '0');
  for (auto digit = out.rbegin(); digit != out.rend(); ++digit, hash >>= 4U)
    *digit = "0123456789abcdef"[hash & 15U];
  return out;
}

Status Check(const Conditions& conditions, const std::optional<std::string>& etag, const std::string& what) {
  const std::string state = etag ? " is at etag " + *etag : " does not exist";
  if (conditions.if_none_match && etag) {
    return Error{
        ErrorKind::kPreconditionFailed, what + " exists already," + state.substr(3), "If-None-Match", {}};
  }
  if (conditions.if_match.empty() || (etag && HasEtag(conditions.if_match, *etag))) return {};
  return Error{
      ErrorKind::kPreconditionFailed, what + state + "; read it again and repeat the change", "If-Match", {}};
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

std::string ProxyProtocolName(std::uint32_t version) { return "v" + std::to_string(version); }

Result<std::uint32_t> ParseProxyProtocol(std::string_view text) {
  for (const std::uint32_t version : {1U, 2U}) {
    if (ProxyProtocolName(version) == text) return version;
  }
  if (text.empty()) return 0U;
  return Invalid("'" + std::string(text) + "' is no PROXY protocol; use v1, v2 or leave it out");
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
