#include "agent/limit/rate_limits.h"

#include <algorithm>
#include <cmath>

namespace weft::limit {
namespace {

constexpr double kLeastRate = 0.001;  // requests per second

}  // namespace

bool Covers(const policy::RateLimit& limit, std::string_view path) {
  const std::string_view prefix = limit.path;
  if (prefix.empty()) return true;
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.back() == '/' || path[prefix.size()] == '/';
}

Rate RateOf(const policy::RateLimit& limit, double per_second, double room) {
  const double part = std::min(1.0, per_second / limit.rate);
  const auto burst = static_cast<std::uint32_t>(std::llround(limit.burst * part));
  return Rate::Of(std::max(per_second, kLeastRate), std::max({1U, burst, static_cast<std::uint32_t>(room)}));
}

RateLimitsPtr RateLimitStore::Get(const policy::RateLimits& wanted, TimePoint now, std::uint32_t instances) {
  const std::lock_guard lock(mutex_);
  std::vector<RateLimits::One> made;
  bool same = wanted.limits.size() == current_->all().size();
  for (const policy::RateLimit& limit : wanted.limits) {
    const Rate rate = RateOf(limit, limit.global ? limit.rate / std::max(1U, instances) : limit.rate);
    std::shared_ptr<Buckets> buckets;
    for (const RateLimits::One& old : current_->all()) {
      const bool kept = old.policy.name == limit.name && old.policy.per == limit.per &&
                        old.policy.header == limit.header && old.policy.global == limit.global;
      if (kept) buckets = old.buckets;
      same &= !kept || old.policy == limit;
    }
    if (buckets && !limit.global) buckets->Change(rate, now);  // else the next share, within a second
    if (!buckets) same = false, buckets = std::make_shared<Buckets>(rate);
    made.push_back({limit, std::move(buckets)});
  }
  if (!same) current_ = std::make_shared<const RateLimits>(std::move(made));
  return current_;
}

}  // namespace weft::limit
