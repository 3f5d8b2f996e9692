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

std::optional<std::chrono::sys_seconds> ParseHttpDate(std::string_view text) {
  constexpr std::string_view kShape = "Aaa, 00 Aaa 0000 00:00:00 GMT",
                             kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    const bool wanted = kShape[i] == '0'                       ? digit
                        : kShape[i] == 'A' || kShape[i] == 'a' ? !digit
                                                               : text[i] == kShape[i];
    if (!wanted) return std::nullopt;
  }
  const auto number = [text](std::size_t at, std::size_t size) {
    int value = 0;
    for (const char c : text.substr(at, size)) value = value * 10 + (c - '0');
    return value;
  };
  const std::size_t month = kMonths.find(text.substr(8, 3));
  const int hour = number(17, 2), minute = number(20, 2), second = number(23, 2);
  if (month == std::string_view::npos || month % 3 != 0 || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(number(12, 4)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(number(5, 2)))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace weft
