#include "agent/retry/hedging.h"

#include <algorithm>

namespace weft::retry {
namespace {

constexpr std::int64_t kToken = 1'000'000, kPercentOfToken = kToken / 100;
constexpr std::int64_t kMostTokens = 10 * kToken;
constexpr std::uint64_t kLeastSamples = 100;
constexpr Duration kTurn = std::chrono::seconds(15), kFindEvery = std::chrono::seconds(3);
constexpr double kMostUtilization = 0.7, kShareOfAnswer = 1.0 / 64;
constexpr double kPlanned = 0.8;  // of the budget: the rest is for when they come close together
constexpr double kMostRetried = 0.1;
constexpr std::uint32_t kFewRequests = 20;  // of 10 s: too few for a share

}  // namespace

void Hedging::Asked(const policy::Hedging& policy, TimePoint now) {
  recent_.Add(now, {1, 0});
  const std::int64_t most = std::max(kToken, kMostTokens / workers_);
  tokens_ = std::min(tokens_ + static_cast<std::int64_t>(policy.budget_percent * kPercentOfToken), most);
}

void Hedging::Observe(Duration took, TimePoint now) {
  if (turned_ == TimePoint{}) turned_ = now;
  if (now - turned_ >= kTurn) {
    times_[1] = times_[0];
    if (now - turned_ >= 2 * kTurn) times_[1].Clear();
    times_[0].Clear();
    turned_ = now;
  }
  times_[0].Add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0) / 1000));
}

void Hedging::Heard(std::uint32_t in_flight, std::uint32_t limit) {
  if (limit == 0) return;
  const double used = std::min(1.0, static_cast<double>(in_flight) / limit);
  utilization_ += (used - utilization_) * kShareOfAnswer;
}

Duration Hedging::Delay(const policy::Hedging& policy, TimePoint now) {
  if (found_ == TimePoint{} || now - found_ >= kFindEvery) {
    found_ = now;
    Find(policy);
  }
  return delay_;
}

void Hedging::Find(const policy::Hedging& policy) {
  stats::Histogram both = times_[0];
  both.Merge(times_[1]);
  delay_ = Duration::zero();
  if (both.total() < kLeastSamples) return;
  const std::chrono::microseconds slow(both.Percentile(100 - kPlanned * policy.budget_percent));
  delay_ = std::max<Duration>(slow, policy.min_delay);
}

Hedging::Verdict Hedging::Decide(const Situation& s, const policy::Retry& retry, Budget& budget,
                                 TimePoint now) {
  const Counts& recent = recent_.Total(now);
  if (!s.closed) return {false, "circuit"};
  if (s.foreseen) return {false, "foreseen"};
  if (utilization_ > kMostUtilization) return {false, "utilization"};
  if (recent.requests >= kFewRequests && recent.retries > kMostRetried * recent.requests)
    return {false, "retries"};
  if (!s.other_hosts) return {false, "no_other_instance"};
  if (tokens_ < kToken) return {false, "budget"};
  if (!budget.TryTake(retry, now)) return {false, "retry_budget"};
  tokens_ -= kToken;
  return {true, "sent"};
}

}  // namespace weft::retry
