#pragma once
// Which instances come first by where they are: own zone, then own region, then the others. A zone's text may
// be "region/zone"; without a slash it has no region. A level keeps all requests until fewer than 71.4 % of
// its capacity is healthy (health = min(100, 1.4 * 100 * healthy / all), Envoy's over-provisioning factor);
// then the next takes the rest. Integers, so that every binary shares alike; what rounding leaves goes to the
// first. Source: resilience.md 3.7. Pure.

#include <array>
#include <cstdint>
#include <string_view>

namespace weft::select {

inline constexpr std::size_t kLevels = 3;  // own zone, own region, elsewhere

// Of an instance in `zone` as seen from `own`; 0 when `own` is empty: then there is no preference.
std::size_t LevelOf(std::string_view own, std::string_view zone);
// Requests per hundred of each level, by its healthy and its whole capacity. All zero: none is healthy.
std::array<std::uint32_t, kLevels> ShareLevels(const std::array<std::uint64_t, kLevels>& healthy,
                                               const std::array<std::uint64_t, kLevels>& all);

}  // namespace weft::select
