#include "common/time/time.h"

#include <ctime>

namespace weft {
namespace {

std::int64_t ReadClock(clockid_t id) {
  timespec spec{};
  clock_gettime(id, &spec);
  return static_cast<std::int64_t>(spec.tv_sec) * 1'000'000'000 + spec.tv_nsec;
}

}  // namespace

TimePoint ReadMonotonicClock() { return FromNanos(ReadClock(CLOCK_MONOTONIC)); }
WallTime ReadWallClock() { return WallTime(Duration(ReadClock(CLOCK_REALTIME))); }

Deadline Deadline::After(TimePoint now, Duration span) {
  if (span <= Duration::zero() || span >= TimePoint::max() - now) return Never();
  return Deadline(now + span);
}

Duration Deadline::Remaining(TimePoint now) const {
  if (never()) return Duration::max();
  return now >= at_ ? Duration::zero() : at_ - now;
}

}  // namespace weft
