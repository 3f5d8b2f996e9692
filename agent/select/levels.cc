#include "agent/select/levels.h"

#include <algorithm>

namespace weft::select {

std::size_t LevelOf(std::string_view own, std::string_view zone) {
  if (own.empty() || own == zone) return 0;
  const std::size_t slash = own.find('/');
  return slash != std::string_view::npos && zone.substr(0, slash + 1) == own.substr(0, slash + 1) ? 1 : 2;
}

std::array<std::uint32_t, kLevels> ShareLevels(const std::array<std::uint64_t, kLevels>& healthy,
                                               const std::array<std::uint64_t, kLevels>& all) {
  std::array<std::uint64_t, kLevels> health{};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kLevels; ++i) {
    if (all[i] > 0) health[i] = std::min<std::uint64_t>(100, 140 * healthy[i] / all[i]);
    sum += health[i];
  }
  std::array<std::uint32_t, kLevels> shares{};
  if (sum == 0) return shares;
  const std::uint64_t norm = std::min<std::uint64_t>(100, sum);
  std::uint64_t left = 100;
  for (std::size_t i = 0; i < kLevels; ++i) {
    const std::uint64_t share = std::min(left, health[i] * 100 / norm);
    shares[i] = static_cast<std::uint32_t>(share);
    left -= share;
  }
  for (std::uint32_t& share : shares) {
    if (share == 0) continue;
    share += static_cast<std::uint32_t>(left);
    break;
  }
  return shares;
}

}  // namespace weft::select
