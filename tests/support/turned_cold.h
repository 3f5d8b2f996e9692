#pragma once
// A cold thread that is the test's own: Until() runs what is due, in real time.

#include <condition_variable>
#include <map>
#include <mutex>

#include "agent/cold/cold.h"

namespace weft::support {

class TurnedCold final : public cold::Cold {
 public:
  void Post(std::function<void()> work) override { Add(Now(), std::move(work)); }
  void After(Duration span, std::function<void()> work) override { Add(Now() + span, std::move(work)); }
  TimePoint Now() const override { return ReadMonotonicClock(); }
  WallTime WallNow() const override { return ReadWallClock(); }

  bool Until(const std::function<bool()>& condition) {
    const TimePoint deadline = Now() + std::chrono::seconds(20);
    while (!condition() && Now() < deadline) RunOne();
    return condition();
  }

 private:
  void Add(TimePoint at, std::function<void()> work) {
    const std::scoped_lock lock(mutex_);
    due_.emplace(at, std::move(work));
    changed_.notify_all();
  }
  void RunOne() {
    std::unique_lock lock(mutex_);
    const TimePoint now = Now();
    if (due_.empty() || due_.begin()->first > now) {
      const Duration wait = due_.empty() ? std::chrono::milliseconds(10) : due_.begin()->first - now;
      changed_.wait_for(lock, std::min<Duration>(wait, std::chrono::milliseconds(10)));
      return;
    }
    auto node = due_.extract(due_.begin());
    lock.unlock();
    node.mapped()();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<TimePoint, std::function<void()>> due_;
};

}  // namespace weft::support
