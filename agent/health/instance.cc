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

const char* Instance::cause() const {
  if (unhealthy_) return flaps_ ? "flapping" : "active_check";
  if (passive_ == Passive::kIn && lags_) return "latency";
  return past_ ? past_->cause : "";
}

std::uint32_t Instance::run() const {
  std::uint32_t sum = 0;
  if (!past_) return sum;
  for (const Run& run : past_->runs) sum += run.length;
  return sum;
}

TimePoint Instance::run_began() const {
  TimePoint first = TimePoint::max();
  if (!past_) return first;
  for (const Run& run : past_->runs) {
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
  Past& past = this->past();
  past.recent.Add(now, evidence.badness);
  past.speed.Add(now, evidence.speed);
  if (past.runs.size() <= worker) past.runs.resize(worker + 1);
  past.runs[worker] = {evidence.run, evidence.run_began};
}

// Five changes within kFlapping make it flap.
void Instance::Turn(bool unhealthy, TimePoint now) {
  if (unhealthy == unhealthy_) return;
  if (!unhealthy && damped(now)) return;
  Past& past = this->past();
  unhealthy_ = unhealthy;
  if (!unhealthy) {  // what was before says nothing about it now
    flaps_ = false;
    past.recent.Clear();
    past.runs.clear();
  }
  const TimePoint last = past.turns[(past.turn + kTurns - 1) % kTurns];
  if (last != TimePoint{} && now - last > kQuiet) past.dampings = 0;
  const TimePoint fifth = std::exchange(past.turns[past.turn++ % kTurns], now);
  if (!unhealthy || fifth == TimePoint{} || now - fifth > kFlapping) return;
  past.damped_until =
      now +
      std::min<Duration>(kFirstDamping * (std::int64_t{1} << std::min(past.dampings++, 4U)), kMostDamping);
  flaps_ = true;
}

void Instance::Lag(bool lags, TimePoint now) {
  if (lags && !lags_) past().lags_since = now;
  lags_ = lags;
}

void Instance::LearnChecks(const Evidence& evidence, const policy::HealthCheck& checks, TimePoint now) {
  if (!checks.enabled) {
    checked_ = unhealthy_ = slow_ = flaps_ = false;
    return;
  }
  if (evidence.failed_checks + evidence.passed_checks == 0) return;
  Past& past = this->past();
  for (std::uint32_t i = 0; i < evidence.failed_checks; ++i) {
    past.passes = 0;
    ++past.failures;
    if (!checked_ || past.failures >= checks.failure_threshold) Turn(true, now);
    checked_ = true;
  }
  for (std::uint32_t i = 0; i < evidence.passed_checks; ++i) {
    past.failures = 0;
    ++past.passes;
    if (!checked_ || past.passes >= checks.recovery_threshold) Turn(false, now);
    checked_ = true;
  }
  if (evidence.passed_checks > 0) slow_ = evidence.slow_checks > 0;
}

void Instance::LearnTrials(const Evidence& evidence, const policy::OutlierDetection& policy, TimePoint now) {
  if (passive_ != Passive::kProbing) return;
  Past& past = *past_;
  if (evidence.trials_failed > 0) {
    Eject("trial", policy, now);
    return;
  }
  past.trials += evidence.trials_passed;
  if (past.trials < kTrials) return;
  passive_ = Passive::kIn;
  past.returned = now;
  past.cause = "";
  past.recent.Clear();
  past.runs.clear();
}

void Instance::Eject(const char* cause, const policy::OutlierDetection& policy, TimePoint now) {
  Past& past = this->past();
  if (passive_ == Passive::kIn && past.returned != TimePoint{}) {
    past.ejections -=
        static_cast<std::uint32_t>(std::min<std::int64_t>((now - past.returned) / kForget, past.ejections));
  }
  past.ejections = std::min(past.ejections + 1, kMostDoublings);
  const Duration whole = std::min<Duration>(policy.base_ejection * (std::int64_t{1} << (past.ejections - 1)),
                                            policy.max_ejection);
  const auto unit =
      static_cast<double>(Mix(seed_, hash_, Purpose::kEjection, past.times++) >> 11) * 0x1.0p-53;
  past.until =
      now + whole / 2 + Duration(static_cast<std::int64_t>(unit * static_cast<double>((whole / 2).count())));
  passive_ = Passive::kEjected;
  past.cause = cause;
  past.trials = 0;
  past.runs.clear();
  past.recent.Clear();
  past.speed.Clear();
  lags_ = false;
}

void Instance::Advance(TimePoint now) {
  if (passive_ == Passive::kEjected && now >= past_->until) passive_ = Passive::kProbing;
}

}  // namespace weft::health
