#pragma once
// UTF-8, as far as documents need it. Thread rule: pure functions.

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::resource {

void AppendUtf8(std::uint32_t code_point, std::string& out);
// The offset of the first byte that is no valid UTF-8 (RFC 3629), or npos.
std::size_t FindInvalidUtf8(std::string_view text);

}  // namespace weft::resource
