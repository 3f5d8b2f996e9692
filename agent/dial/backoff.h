#pragma once
// Delays between attempts to reach the control plane: decorrelated jitter, d = min(cap, U(base, 3·d))
// (Brooker, AWS Architecture Blog 2015), so that ten thousand agents do not come back together. Thread rule:
// plain value.

#include <algorithm>

#include "common/random/random.h"
#include "common/time/time.h"

namespace weft::dial {

class Backoff {
 public:
  static constexpr Duration kBase = std::chrono::milliseconds(100);
  static constexpr Duration kCap = std::chrono::seconds(10);

  explicit Backoff(Rng rng) : rng_(rng) {}

  Duration Next() {
    const auto span = static_cast<std::uint64_t>((last_ * 3 - kBase).count());
    last_ = std::min(kCap,
                     kBase + Duration(static_cast<std::int64_t>(rng_.Below(Purpose::kReconnect, span + 1))));
    return last_;
  }
  void Reset() { last_ = kBase; }

 private:
  Rng rng_;
  Duration last_ = kBase;
};

}  // namespace weft::dial
