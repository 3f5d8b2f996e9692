#include "agent/breaker/ledger.h"

#include <algorithm>

namespace weft::breaker {
namespace {

constexpr Duration kConfirm = std::chrono::seconds(30), kFirstSilence = std::chrono::minutes(5),
                   kMostSilence = std::chrono::hours(1), kOver = std::chrono::seconds(10);

}  // namespace

bool Ledger::InBreach(TimePoint now) const { return breached_ != TimePoint{} && now - breached_ <= kOver; }

Foresight Ledger::Settle(bool breach, bool suspicion, TimePoint now) {
  const bool in_breach = InBreach(now);
  if (breach) {
    breached_ = now;
    if (!active_) return in_breach ? Foresight::kNothing : Foresight::kMissed;
    active_ = false;
    lead_ = now - raised_at_;
    silence_ = kFirstSilence;
    return Foresight::kHit;
  }
  if (suspicion) {
    suspected_ = now;
    if (active_ || in_breach || now < silent_until_) return Foresight::kNothing;
    active_ = true;
    raised_at_ = now;
    ++raised_;
    return Foresight::kRaised;
  }
  if (!active_ || now - suspected_ < kConfirm) return Foresight::kNothing;
  active_ = false;
  silent_until_ = now + silence_;
  silence_ = std::min<Duration>(silence_ * 2, kMostSilence);
  return Foresight::kFalse;
}

}  // namespace weft::breaker
