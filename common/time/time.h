#pragma once
// Time as it is passed around: nanoseconds on a monotonic clock whose zero means nothing. Nobody but loops
// and programs reads a clock; everything else is given `now`.

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft {

using Duration = std::chrono::nanoseconds;
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

struct Monotonic {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};
using TimePoint = Monotonic::time_point;

TimePoint ReadMonotonicClock();  // CLOCK_MONOTONIC
WallTime ReadWallClock();

// RFC 3339 in UTC: "2026-11-23T04:05:06Z" and "2026-11-23T04:05:06.007Z".
std::string UtcText(std::chrono::sys_seconds at);
std::string UtcText(std::chrono::sys_time<std::chrono::milliseconds> at);

// A date of HTTP in the form that may be sent (RFC 9110 5.6.7, IMF-fixdate), "Sun, 06 Nov 1994 08:49:37 GMT";
// nothing for the two obsolete forms and for what is no date.
std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text);

inline std::int64_t UnixMs(WallTime at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}
inline std::int64_t Nanos(TimePoint t) { return t.time_since_epoch().count(); }
inline TimePoint FromNanos(std::int64_t n) { return TimePoint(Duration(n)); }

// A moment after which work is pointless. The default never comes.
class Deadline {
 public:
  Deadline() = default;
  explicit Deadline(TimePoint at) : at_(at) {}

  static Deadline Never() { return {}; }
  static Deadline After(TimePoint now, Duration span);  // span <= 0: never

  bool never() const { return at_ == TimePoint::max(); }
  bool Passed(TimePoint now) const { return now >= at_; }
  Duration Remaining(TimePoint now) const;  // >= 0; Duration::max() when never
  TimePoint at() const { return at_; }

  friend auto operator<=>(const Deadline&, const Deadline&) = default;

 private:
  TimePoint at_ = TimePoint::max();
};

}  // namespace weft
