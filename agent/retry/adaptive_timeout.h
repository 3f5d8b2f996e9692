#pragma once
// A time-out that follows the latency of a service: what one attempt in a thousand passes when all is well,
// and a quarter more.
//
//   the first 1,200 attempts only look: T is the longest of them, the first 200 (cold caches) left out
//   then, of each attempt    T *= 1 + 0.02 * ((it took longer than T, or timed out) - 0.001)
//   limit                    clamp(1.25 * T, max(20 ms, 4 * median), longest)
//
// T stands still where one in a thousand is longer. Only the event "longer than T" moves it, which a time-out
// at T does not hide, so it cannot chase itself down as a percentile of completed requests does. Within 10 s
// it at most doubles or halves. Observe is not to be called while the service is unwell: in an outage it must
// not learn to wait. The median is tracked likewise (0.02, one in two). Source: resilience.md 6.1, its start
// is ours. State 64 B, a few multiplications. Thread rule: one worker.

#include <algorithm>
#include <cstdint>

#include "common/time/time.h"

namespace weft::retry {

class AdaptiveTimeout {
 public:
  void Observe(Duration took, bool timed_out, TimePoint now) {
    const auto nanos = static_cast<double>(took.count());
    median_ = median_ == 0 ? nanos : median_ * (1 + kGain * (nanos > median_ ? 0.5 : -0.5));
    if (++seen_ <= kLooks) {
      if (seen_ > kCold) threshold_ = std::max(threshold_, nanos);
      return;
    }
    if (now - anchored_ >= kEvery) anchor_ = threshold_, anchored_ = now;
    threshold_ *= 1 + kGain * ((timed_out || nanos > threshold_ ? 1 : 0) - kLate);
    threshold_ = std::clamp(threshold_, anchor_ / 2, anchor_ * 2);
  }
  // Zero: too little was seen to say.
  Duration Limit(Duration longest) const {
    if (seen_ < kLooks) return Duration::zero();
    const double least = std::max(kShortest, 4 * median_);
    const double limit = std::max(1.25 * threshold_, least);
    return std::min(Duration(static_cast<std::int64_t>(limit)), longest);
  }

 private:
  static constexpr std::uint32_t kCold = 200, kLooks = 1200;
  static constexpr double kGain = 0.02, kLate = 0.001, kShortest = 20e6;
  static constexpr Duration kEvery = std::chrono::seconds(10);

  std::uint32_t seen_ = 0;
  double threshold_ = 1, median_ = 0, anchor_ = 1;
  TimePoint anchored_;
};

}  // namespace weft::retry
