#include "agent/exchange/request_id.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/random/random.h"

namespace weft::exchange {
namespace {

bool IsSafeCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
         c == '.' || c == ':' || c == '=';
}

// The eight hexadecimal digits of 32 bits as they stand in memory: one digit in each byte, all at once.
std::uint64_t HexDigits(std::uint64_t value) {
  value = (value | value << 16) & 0x0000ffff0000ffffU;
  value = (value | value << 8) & 0x00ff00ff00ff00ffU;
  value = (value | value << 4) & 0x0f0f0f0f0f0f0f0fU;
  const std::uint64_t letters = (value + 0x0606060606060606U) >> 4 & 0x0101010101010101U;
  value += 0x3030303030303030U + letters * ('a' - '0' - 10);
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

void PutHex(std::uint64_t value, char* out) {
  const std::array<std::uint64_t, 2> digits = {HexDigits(value >> 32), HexDigits(value & 0xffffffffU)};
  std::memcpy(out, digits.data(), 16);
}

}  // namespace

bool IsSafeRequestId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), IsSafeCharacter);
}

std::array<char, kRequestIdSize> MakeRequestId(std::uint64_t seed, std::uint64_t number) {
  std::array<char, kRequestIdSize> out;
  PutHex(Mix(seed, number, Purpose::kRequestId, 0), out.data());
  PutHex(Mix(seed, number, Purpose::kRequestId, 1), out.data() + 16);
  return out;
}

}  // namespace weft::exchange
