#include "agent/health/instance.h"

#include <algorithm>
#include <utility>

#include "common/random/random.h"

namespace weft::health {
namespace {

constexpr std::uint32_t kTrials = 3;
constexpr std::uint32_t kMostDoublings = 16;
constexpr Duration kForget = std::chrono::seconds(60);
constexpr Duration kFlapping = std::chrono::minutes(5), kQuiet = std::chrono::minutes(15);
constexpr Duration kFirstDamping = std::chrono::seconds(60), kMostDamping = std::chrono::minutes(15);

}  // namespace

State Instance::state() const {
  if (unhealthy_) return State::kUnhealthy;
  if (passive_ == Passive::kEjected) return State::kEjected;
  if (passive_ == Passive::kProbing) return State::kProbing;
  return slow_ || lags_ ? State::kDegraded : State::kHealthy;
}

std::uint32_t Instance::run() const {
  std::uint32_t sum = 0;
  for (const Run& run : runs_) sum += run.length;
  return sum;
}

TimePoint Instance::run_began() const {
  TimePoint first = TimePoint::max();
  for (const Run& run : runs_) {
    if (run.length > 0) first = std::min(first, run.began);
  }
  return first;
}

void Instance::Learn(std::uint32_t worker, const Evidence& evidence, const policy::HealthCheck& checks,
                     const policy::OutlierDetection& policy, TimePoint now) {
  LearnChecks(evidence, checks, now);
  LearnTrials(evidence, policy, now);
  if (passive_ != Passive::kIn) return;  // stragglers from before the ejection
  if (evidence.badness.requests == 0) return;
  recent_.Add(now, evidence.badness);
  speed_.Add(now, evidence.speed);
  if (runs_.size() <= worker) runs_.resize(worker + 1);
  runs_[worker] = {evidence.run, evidence.run_began};
}

// Five changes within kFlapping make it flap.
void Instance::Turn(bool unhealthy, TimePoint now) {
  if (unhealthy == unhealthy_) return;
  if (!unhealthy && damped(now)) return;
  unhealthy_ = unhealthy;
  if (!unhealthy) {  // what was before says nothing about it now
    flaps_ = false;
    recent_.Clear();
    runs_.clear();
  }
  const TimePoint last = turns_[(turn_ + kTurns - 1) % kTurns];
  if (last != TimePoint{} && now - last > kQuiet) dampings_ = 0;
  const TimePoint fifth = std::exchange(turns_[turn_++ % kTurns], now);
  if (!unhealthy || fifth == TimePoint{} || now - fifth > kFlapping) return;
  damped_until_ =
      now + std::min<Duration>(kFirstDamping * (std::int64_t{1} << std::min(dampings_++, 4U)), kMostDamping);
  flaps_ = true;
}

void Instance::Lag(bool lags, TimePoint now) {
  if (lags && !lags_) lags_since_ = now;
  lags_ = lags;
}

void Instance::LearnChecks(const Evidence& evidence, const policy::HealthCheck& checks, TimePoint now) {
  if (!checks.enabled) {
    checked_ = unhealthy_ = slow_ = flaps_ = false;
    return;
  }
  for (std::uint32_t i = 0; i < evidence.failed_checks; ++i) {
    passes_ = 0;
    ++failures_;
    if (!checked_ || failures_ >= checks.failure_threshold) Turn(true, now);
    checked_ = true;
  }
  for (std::uint32_t i = 0; i < evidence.passed_checks; ++i) {
    failures_ = 0;
    ++passes_;
    if (!checked_ || passes_ >= checks.recovery_threshold) Turn(false, now);
    checked_ = true;
  }
  if (evidence.passed_checks > 0) slow_ = evidence.slow_checks > 0;
}

void Instance::LearnTrials(const Evidence& evidence, const policy::OutlierDetection& policy, TimePoint now) {
  if (passive_ != Passive::kProbing) return;
  if (evidence.trials_failed > 0) {
    Eject("trial", policy, now);
    return;
  }
  trials_ += evidence.trials_passed;
  if (trials_ < kTrials) return;
  passive_ = Passive::kIn;
  returned_ = now;
  cause_ = "";
  recent_.Clear();
  runs_.clear();
}

void Instance::Eject(const char* cause, const policy::OutlierDetection& policy, TimePoint now) {
  if (passive_ == Passive::kIn && returned_ != TimePoint{}) {
    ejections_ -= static_cast<std::uint32_t>(std::min<std::int64_t>((now - returned_) / kForget, ejections_));
  }
  ejections_ = std::min(ejections_ + 1, kMostDoublings);
  const Duration whole =
      std::min<Duration>(policy.base_ejection * (std::int64_t{1} << (ejections_ - 1)), policy.max_ejection);
  const auto unit = static_cast<double>(Mix(seed_, hash_, Purpose::kEjection, times_++) >> 11) * 0x1.0p-53;
  until_ =
      now + whole / 2 + Duration(static_cast<std::int64_t>(unit * static_cast<double>((whole / 2).count())));
  passive_ = Passive::kEjected;
  cause_ = cause;
  trials_ = 0;
  runs_.clear();
  recent_.Clear();
  speed_.Clear();
  lags_ = false;
}

void Instance::Advance(TimePoint now) {
  if (passive_ == Passive::kEjected && now >= until_) passive_ = Passive::kProbing;
}

}  // namespace weft::health
