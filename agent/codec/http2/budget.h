#pragma once
// Patience with a peer that makes work without progress: a bucket of points that refills with time and with
// data. Pure; the clock is an argument.

#include <algorithm>
#include <cstdint>

#include "common/time/time.h"

namespace weft::http2 {

class Budget {
 public:
  static constexpr std::int64_t kMost = 4000;
  static constexpr std::int64_t kPerSecond = 400;
  static constexpr std::int64_t kControl = 1;   // PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA
  static constexpr std::int64_t kReset = 10;    // a stream that the peer opened and reset
  static constexpr std::int64_t kFault = 20;    // a frame that made us reset a stream
  static constexpr std::int64_t kProgress = 2;  // given back for each answer or piece of data

  // False: the patience is at its end.
  bool Spend(std::int64_t points, TimePoint now) {
    Refill(now);
    left_ -= points;
    return left_ >= 0;
  }
  void Earn(std::int64_t points) { left_ = std::min(left_ + points, kMost); }
  std::int64_t left() const { return left_; }

 private:
  void Refill(TimePoint now) {
    if (now <= since_) return;
    if (since_ != TimePoint{}) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_).count();
      if (ms == 0) return;
      left_ = std::min(left_ + std::min<std::int64_t>(ms, 3'600'000) * kPerSecond / 1000, kMost);
    }
    since_ = now;
  }

  std::int64_t left_ = kMost;
  TimePoint since_{};
};

}  // namespace weft::http2
