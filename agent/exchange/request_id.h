#pragma once
// x-request-id: which of a client's we keep, and how ours are made. Pure.

#include <array>
#include <cstdint>
#include <string_view>

namespace weft::exchange {

inline constexpr std::size_t kRequestIdSize = 32;

// 1 to 64 letters, digits, '-', '_', '.', ':', '='.
bool IsSafeRequestId(std::string_view id);
// 32 hexadecimal digits, a function of both numbers.
std::array<char, kRequestIdSize> MakeRequestId(std::uint64_t seed, std::uint64_t number);

}  // namespace weft::exchange
