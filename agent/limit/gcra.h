#pragma once
// The generic cell rate algorithm (ITU-T I.371): a token bucket of `burst` tokens that gains `rate` per
// second, kept in one number, the theoretical arrival time. A request conforms when
//   max(tat, now) - now <= (burst - 1) / rate
// and then moves tat to max(tat, now) + 1 / rate. Exact in bursts, no timer, nothing to refill; a tat that
// has passed says nothing, so a key that was quiet may be forgotten without loss. Nanoseconds; rates up to
// 10^6 per second are off by less than 0.05 %. Source: resilience.md 7. Pure.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/time/time.h"

namespace weft::limit {

struct Rate {
  std::int64_t interval = 1;   // ns between tokens
  std::int64_t tolerance = 0;  // (burst - 1) intervals

  static Rate Of(double per_second, std::uint32_t burst) {
    const std::int64_t interval = std::max<std::int64_t>(1, std::llround(1e9 / per_second));
    return {interval, interval * (std::max<std::int64_t>(burst, 1) - 1)};
  }
  friend bool operator==(const Rate&, const Rate&) = default;
};

struct Taken {
  bool admitted = false;
  std::uint32_t remaining = 0;              // tokens left after this one
  Duration retry_after = Duration::zero();  // of a refusal: until one token is there
  Duration reset = Duration::zero();        // until the bucket is full
};

// Takes one token; `tat` is only changed when it was there.
inline Taken Take(std::int64_t& tat, const Rate& rate, std::int64_t now) {
  const std::int64_t from = std::max(tat, now);
  const std::int64_t ahead = from - now;
  if (ahead > rate.tolerance) return {false, 0, Duration(ahead - rate.tolerance), Duration(ahead)};
  tat = from + rate.interval;
  const std::int64_t after = ahead + rate.interval;
  const std::int64_t spare = rate.tolerance + rate.interval - after;
  return {true, static_cast<std::uint32_t>(spare / rate.interval), {}, Duration(after)};
}

// The same backlog in tokens at another rate.
inline std::int64_t Rescale(std::int64_t tat, const Rate& from, const Rate& to, std::int64_t now) {
  if (tat <= now) return tat;
  const double tokens = static_cast<double>(tat - now) / static_cast<double>(from.interval);
  return now + std::min<std::int64_t>(std::llround(tokens * static_cast<double>(to.interval)),
                                      to.tolerance + to.interval);
}

}  // namespace weft::limit
