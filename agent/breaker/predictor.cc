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

}  // namespace

bool Predictor::Cusum::Add(double x, double least_deviation) {
  if (seen_ == 0) mean_ = x;
  const double deviation = std::max(std::sqrt(variance_), least_deviation);
  z_ = (x - mean_) / deviation;
  if (seen_ >= kWarmUp) sum_ = std::clamp(sum_ + z_ - kSlack, 0.0, kMostSum);
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

double Predictor::Slope::Add(double x) {
  double& oldest = last_[seen_ % last_.size()];
  const double rise = seen_ < last_.size() ? 0 : x - oldest;
  oldest = x;
  ++seen_;
  return rise;
}

// Logarithms to base 2.
void Predictor::Describe(double log_latency, double log_in_flight, double log_limit) {
  const double later = std::max(1.0, level_ + slope_ * kHorizon);
  features_ = {cusums_[0].z() / 3,          cusums_[1].z() / 3,
               cusums_[2].z() / 3,          cusums_[3].z() / 3,
               slopes_[0].Add(log_latency), slopes_[1].Add(log_in_flight),
               cusums_[0].sum() / 10,       cusums_[1].sum() / 10,
               log_latency - log_limit,     stats::Log2(static_cast<std::uint64_t>(later)) - log_limit};
  for (double& x : features_) x = std::clamp(x, -5.0, 5.0);
}

Foresight Predictor::Look(const Pulse& pulse, std::uint32_t in_flight, Duration limit, TimePoint now) {
  ready_ = breach_ = false;
  if (pulse.requests == 0) return ledger_.Settle(false, false, now);
  const double n = pulse.requests, latency = pulse.latency / n, badness = pulse.points / n;
  const double most = static_cast<double>(limit.count());
  const double time_to_breach = TimeToBreach(latency, most);
  const double log_latency = stats::Log2(static_cast<std::uint64_t>(latency));
  const double log_in_flight = stats::Log2(std::uint64_t{in_flight} + 1);
  int alarms = 0;
  alarms += cusums_[0].Add(log_latency, 0.1);
  alarms += cusums_[1].Add(log_in_flight, 0.3);
  alarms += cusums_[2].Add(std::sqrt(badness), 0.05);
  alarms += cusums_[3].Add(std::sqrt(pulse.lost), 0.3);
  Describe(log_latency, log_in_flight, stats::Log2(static_cast<std::uint64_t>(most)));
  ready_ = ++looks_ > kWarmUp && pulse.requests >= kFewest;
  breach_ = latency >= kBreach * most || (badness >= kBadness && pulse.requests >= kFewest);
  const bool suspicion = ready_ && alarms >= 2 && time_to_breach <= kHorizon;
  if (suspicion && !breach_) risk_ = std::clamp(1 - time_to_breach / kHorizon, 0.1, 1.0);
  return ledger_.Settle(breach_, suspicion, now);
}

}  // namespace weft::breaker
