#include "agent/breaker/predictor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/stats/log2.h"

namespace weft::breaker {
namespace {

constexpr double kAlpha = 0.3, kBeta = 0.2;
constexpr double kHorizon = 10;  // seconds
constexpr double kBreach = 0.5, kBadness = 0.60;
constexpr double kSlack = 1, kAlarm = 3, kMostSum = 12;
constexpr std::uint32_t kWindow = 300, kWarmUp = 60, kFewest = 20;
constexpr Duration kConfirm = std::chrono::seconds(30), kFirstSilence = std::chrono::minutes(5),
                   kMostSilence = std::chrono::hours(1), kOver = std::chrono::seconds(10);

}  // namespace

bool Predictor::Cusum::Add(double x, double least_deviation) {
  if (seen_ == 0) mean_ = x;
  const double deviation = std::max(std::sqrt(variance_), least_deviation);
  if (seen_ >= kWarmUp) sum_ = std::clamp(sum_ + (x - mean_) / deviation - kSlack, 0.0, kMostSum);
  if (sum_ > kAlarm) return true;
  seen_ = std::min(seen_ + 1, kWindow);
  const double gain = 1.0 / seen_, off = x - mean_;
  mean_ += gain * off;
  variance_ += gain * (off * off - variance_);
  return false;
}

double Predictor::TimeToBreach(double latency, double limit) {
  if (looks_ == 0) level_ = latency;
  const double level = kAlpha * latency + (1 - kAlpha) * (level_ + slope_);
  slope_ = kBeta * (level - level_) + (1 - kBeta) * slope_;
  level_ = level;
  if (level_ >= kBreach * limit) return 0;
  return slope_ > 0 ? (kBreach * limit - level_) / slope_ : std::numeric_limits<double>::infinity();
}

Foresight Predictor::Look(const Pulse& pulse, std::uint32_t in_flight, Duration limit, TimePoint now) {
  if (pulse.requests == 0) return Settle(false, false, 0, now);
  const double n = pulse.requests, latency = pulse.latency / n, badness = pulse.points / n;
  const double most = static_cast<double>(limit.count());
  const double time_to_breach = TimeToBreach(latency, most);
  int alarms = 0;
  alarms += cusums_[0].Add(stats::Log2(static_cast<std::uint64_t>(latency)), 0.1);
  alarms += cusums_[1].Add(stats::Log2(std::uint64_t{in_flight} + 1), 0.3);
  alarms += cusums_[2].Add(std::sqrt(badness), 0.05);
  alarms += cusums_[3].Add(std::sqrt(pulse.lost), 0.3);
  const bool ready = ++looks_ > kWarmUp && pulse.requests >= kFewest;
  const bool breach = latency >= kBreach * most || (badness >= kBadness && pulse.requests >= kFewest);
  return Settle(breach, ready && alarms >= 2 && time_to_breach <= kHorizon, time_to_breach, now);
}

Foresight Predictor::Settle(bool breach, bool suspicion, double time_to_breach, TimePoint now) {
  const bool in_breach = breached_ != TimePoint{} && now - breached_ <= kOver;
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
    risk_ = std::clamp(1 - time_to_breach / kHorizon, 0.1, 1.0);
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
