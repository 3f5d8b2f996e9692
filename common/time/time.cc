#include "common/time/time.h"

#include <cstdio>
#include <ctime>

namespace weft {
namespace {

std::int64_t ReadClock(clockid_t id) {
  timespec spec{};
  clock_gettime(id, &spec);
  return static_cast<std::int64_t>(spec.tv_sec) * 1'000'000'000 + spec.tv_nsec;
}

std::string WithoutZone(std::chrono::sys_seconds at) {
  const std::time_t seconds = at.time_since_epoch().count();
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts)};
}

}  // namespace

std::string UtcText(std::chrono::sys_seconds at) { return WithoutZone(at) + "Z"; }

std::string UtcText(std::chrono::sys_time<std::chrono::milliseconds> at) {
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>((at - second).count() % 1000));
  return WithoutZone(second) + fraction;
}

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
