#pragma once
// Retries a worker may make for one service port: budget_percent of its original requests and a floor per
// second of which every worker has its share. A small bucket, 30 tokens per process, so that no quiet time
// saves up a storm: with 20 % and a floor of 3, retries in any t seconds are at most 0.2 * requests + 3 t
// + 30. Integers in millionths of a token: the same in every binary. Thread rule: one worker.

#include <algorithm>
#include <cstdint>

#include "common/policy/policy.h"
#include "common/time/time.h"

namespace weft::retry {

class Budget {
 public:
  explicit Budget(std::uint32_t workers) : workers_(workers) { tokens_ = Most(); }

  void Deposit(const policy::Retry& policy) {  // one original request
    tokens_ = std::min(tokens_ + static_cast<std::int64_t>(policy.budget_percent * kPercentOfToken), Most());
  }
  [[nodiscard]] bool TryTake(const policy::Retry& policy, TimePoint now) {
    Refill(policy, now);
    if (tokens_ < kToken) return false;
    tokens_ -= kToken;
    return true;
  }
  double tokens() const { return static_cast<double>(tokens_) / kToken; }

 private:
  static constexpr std::int64_t kToken = 1'000'000, kPercentOfToken = kToken / 100;
  std::int64_t Most() const { return std::max(kToken, 30 * kToken / workers_); }

  void Refill(const policy::Retry& policy, TimePoint now) {
    if (refilled_ == TimePoint{}) refilled_ = now;
    const std::int64_t micros = std::clamp<std::int64_t>((now - refilled_).count() / 1000, 0, 60'000'000);
    const std::int64_t gained = micros * policy.budget_min_per_second / workers_;
    if (gained == 0) return;
    tokens_ = std::min(tokens_ + gained, Most());
    refilled_ = now;
  }

  std::uint32_t workers_;
  std::int64_t tokens_;
  TimePoint refilled_;
};

}  // namespace weft::retry
