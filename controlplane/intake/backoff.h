#pragma once
// How long to wait before a source is tried again: doubles from `least` to `most`. Thread rule: not thread
// safe.

#include <algorithm>

#include "common/time/time.h"

namespace weft::intake {

class Backoff {
 public:
  Backoff() = default;
  Backoff(Duration least, Duration most) : least_(least), most_(most), next_(least) {}
  Duration Next() { return std::exchange(next_, std::min(next_ * 2, most_)); }
  void Reset() { next_ = least_; }

 private:
  Duration least_{}, most_{}, next_{};
};

}  // namespace weft::intake
