#pragma once
// A base-2 logarithm that is linear between powers of two (off by less than 0.087) and its inverse: a few
// instructions, and the same in every binary, so that decisions made from it replay. Pure.

#include <algorithm>
#include <bit>
#include <cstdint>

namespace weft::stats {

inline double Log2(std::uint64_t value) {  // zero counts as one
  value = std::max<std::uint64_t>(value, 1);
  const auto whole = static_cast<int>(std::bit_width(value)) - 1;
  const std::uint64_t power = std::uint64_t{1} << whole;
  return whole + static_cast<double>(value - power) / static_cast<double>(power);
}

inline double Exp2(double log) {  // of 0 to 62
  const auto whole = static_cast<int>(log);
  return static_cast<double>(std::uint64_t{1} << std::clamp(whole, 0, 62)) * (1 + (log - whole));
}

}  // namespace weft::stats
