#pragma once
// Whether predictions of breaches came true. A breach confirms the prediction before it (hit; the time
// between is the lead) or shows that there was none (missed); it is over after 10 s without. A prediction
// that nothing confirms for 30 s was false; then there is none for 5 minutes, twice as long each time, up to
// an hour. Every 20th is held out: it is counted, not acted on, so that precision stays measurable where
// acting prevents the breach. Source: resilience.md 2.4. Thread rule: one owner.

#include <cstdint>

#include "common/time/time.h"

namespace weft::breaker {

enum class Foresight : std::uint8_t { kNothing, kRaised, kHit, kFalse, kMissed };

class Ledger {
 public:
  Foresight Settle(bool breach, bool suspicion, TimePoint now);

  bool active() const { return active_; }
  bool held_out() const { return raised_ % 20 == 0; }  // the current prediction
  Duration lead() const { return lead_; }              // of the last hit
  bool InBreach(TimePoint now) const;

 private:
  bool active_ = false;
  std::uint64_t raised_ = 0;
  TimePoint raised_at_, suspected_, silent_until_, breached_;  // breached_: when it last was
  Duration lead_ = Duration::zero(), silence_ = std::chrono::minutes(5);
};

}  // namespace weft::breaker
