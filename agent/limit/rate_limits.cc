#include "agent/limit/rate_limits.h"

namespace weft::limit {

bool Covers(const policy::RateLimit& limit, std::string_view path) {
  const std::string_view prefix = limit.path;
  if (prefix.empty()) return true;
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.back() == '/' || path[prefix.size()] == '/';
}

RateLimitsPtr RateLimitStore::Get(const policy::RateLimits& wanted, TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::vector<RateLimits::One> made;
  bool same = wanted.limits.size() == current_->all().size();
  for (const policy::RateLimit& limit : wanted.limits) {
    const Rate rate = Rate::Of(limit.rate, limit.burst);
    std::shared_ptr<Buckets> buckets;
    for (const RateLimits::One& old : current_->all()) {
      const bool kept =
          old.policy.name == limit.name && old.policy.per == limit.per && old.policy.header == limit.header;
      if (kept) buckets = old.buckets;
      same &= !kept || old.policy == limit;
    }
    if (buckets) buckets->Change(rate, now);
    if (!buckets) same = false, buckets = std::make_shared<Buckets>(rate);
    made.push_back({limit, std::move(buckets)});
  }
  if (!same) current_ = std::make_shared<const RateLimits>(std::move(made));
  return current_;
}

}  // namespace weft::limit
