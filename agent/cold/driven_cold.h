#pragma once
// For tests: a cold thread whose clock is driven by hand.

#include <map>

#include "agent/cold/cold.h"

namespace weft::cold {

class DrivenCold final : public Cold {
 public:
  void Post(std::function<void()> work) override { After(Duration::zero(), std::move(work)); }
  void After(Duration span, std::function<void()> work) override {
    due_.emplace(now_ + span, std::move(work));
  }
  TimePoint Now() const override { return now_; }
  WallTime WallNow() const override {
    return WallTime(std::chrono::hours(24 * 20000)) + now_.time_since_epoch() + skew;
  }

  void Advance(Duration span) {
    const TimePoint until = now_ + span;
    while (!due_.empty() && due_.begin()->first <= until) {
      auto node = due_.extract(due_.begin());
      now_ = std::max(now_, node.key());
      node.mapped()();
    }
    now_ = until;
  }

  Duration skew = Duration::zero();  // of the wall clock

 private:
  TimePoint now_{std::chrono::hours(1)};
  std::multimap<TimePoint, std::function<void()>> due_;
};

}  // namespace weft::cold
