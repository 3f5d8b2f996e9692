#pragma once
// Small texts of the API: etags, protocols, spans of time. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "weft/v1/bundle.pb.h"

namespace weft::api {

// "12", "\"12\"" or "W/\"12\"" -> 12; empty -> 0.
Result<std::uint64_t> ParseEtag(std::string_view text);

std::string_view ProtocolName(v1::Protocol protocol);       // "HTTP"; of DETECT: ""
Result<v1::Protocol> ParseProtocol(std::string_view text);  // "" is DETECT

Result<std::int64_t> ParseSpanMs(std::string_view text);  // "30s", "500ms", "5m", "1h", "0"; at most days
std::string SpanText(std::int64_t ms);                    // 30000 -> "30s"
std::string UtcText(std::int64_t unix_ms);                // "2026-11-23T05:00:00.000Z"; 0 -> ""

}  // namespace weft::api
