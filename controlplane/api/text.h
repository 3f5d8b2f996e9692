#pragma once
// Small texts of the API: etags, protocols, spans of time. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "weft/v1/bundle.pb.h"

namespace weft::api {

// True when a list of etags as headers and messages write them (`12`, `"12"`, `W/"12"`, comma-separated)
// holds this one, or is "*".
bool HasEtag(std::string_view list, std::string_view etag);

std::string EtagOfBytes(std::string_view bytes);  // FNV-1a, 16 hex digits

struct Conditions {
  std::string_view if_match;   // empty: any state will do, even none
  bool if_none_match = false;  // true: only create
};
// kPreconditionFailed unless they hold for a thing whose etag is given (none: it does not exist).
Status Check(const Conditions& conditions, const std::optional<std::string>& etag, const std::string& what);

std::string_view ProtocolName(v1::Protocol protocol);       // "HTTP"; of DETECT: ""
Result<v1::Protocol> ParseProtocol(std::string_view text);  // "" is DETECT

std::string ProxyProtocolName(std::uint32_t version);             // 1 -> "v1"
Result<std::uint32_t> ParseProxyProtocol(std::string_view text);  // "" is 0: none

Result<std::int64_t> ParseSpanMs(std::string_view text);  // "30s", "500ms", "5m", "1h", "0"; at most days
std::string SpanText(std::int64_t ms);                    // 30000 -> "30s"
std::string UtcText(std::int64_t unix_ms);                // "2026-11-23T05:00:00.000Z"; 0 -> ""

}  // namespace weft::api
