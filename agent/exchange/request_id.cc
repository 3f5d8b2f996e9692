#include "agent/exchange/request_id.h"

#include <algorithm>
#include <cstring>

#include "common/random/random.h"

namespace weft::exchange {
namespace {

bool IsSafeCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
         c == '.' || c == ':' || c == '=';
}

constexpr std::array<char, 512> HexPairs() {
  std::array<char, 512> out{};
  for (std::size_t i = 0; i < 256; ++i) {
    out[2 * i] = "0123456789abcdef"[i / 16];
    out[2 * i + 1] = "0123456789abcdef"[i % 16];
  }
  return out;
}
constexpr auto kHexPairs = HexPairs();

void PutHex(std::uint64_t value, char* out) {
  for (int shift = 56; shift >= 0; shift -= 8, out += 2) {
    std::memcpy(out, kHexPairs.data() + 2 * ((value >> shift) & 255), 2);
  }
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
