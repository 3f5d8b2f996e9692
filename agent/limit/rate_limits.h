#pragma once
// The rate limits of one service port in force: which apply to a request, and whether all of them have a
// token for it. A request that one of them refuses takes from none. Shared by all workers; a changed policy
// keeps what is in the buckets of a limit that keeps its name and its kind of key. Source: resilience.md 7;
// what is limited: docs/resilience.md. Thread rule: a RateLimits is immutable, its buckets are for any
// thread.

#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "agent/limit/buckets.h"
#include "common/policy/policy.h"

namespace weft::limit {

// The buckets' rate for so many requests per second of the limit's: its burst is in proportion, at least one
// and `room`.
Rate RateOf(const policy::RateLimit& limit, double per_second, double room = 0);

// Whether a limit is about this path: all, the prefix itself, or what is below it.
bool Covers(const policy::RateLimit& limit, std::string_view path);

struct RateVerdict {
  const policy::RateLimit* refused = nullptr;  // null: admitted
  Taken taken;                                 // of `refused`
};

class RateLimits {
 public:
  struct One {
    policy::RateLimit policy;
    std::shared_ptr<Buckets> buckets;
  };
  explicit RateLimits(std::vector<One> limits) : limits_(std::move(limits)) {}

  // `key_of` gives the 64-bit key of a limit that is not of the whole service, or nullopt: does not apply.
  template <class KeyOf>
  RateVerdict Take(std::string_view path, TimePoint now, const KeyOf& key_of) const;
  bool empty() const { return limits_.empty(); }
  const std::vector<One>& all() const { return limits_; }

 private:
  std::vector<One> limits_;
};
using RateLimitsPtr = std::shared_ptr<const RateLimits>;

// Where the workers find the buckets that they share. Thread rule: any thread; set-up only.
class RateLimitStore {
 public:
  // `instances`: of the service; a global limit begins with the safe share of one of them.
  RateLimitsPtr Get(const policy::RateLimits& wanted, TimePoint now, std::uint32_t instances = 1);

 private:
  std::mutex mutex_;
  RateLimitsPtr current_ = std::make_shared<const RateLimits>(std::vector<RateLimits::One>{});
};

template <class KeyOf>
RateVerdict RateLimits::Take(std::string_view path, TimePoint now, const KeyOf& key_of) const {
  constexpr std::size_t kMost = 64;  // as common/wire admits
  std::array<std::uint64_t, kMost> keys;
  std::array<bool, kMost> took;
  for (std::size_t i = 0; i < limits_.size() && i < kMost; ++i) {
    const One& one = limits_[i];
    took[i] = Covers(one.policy, path);
    if (!took[i]) continue;
    const bool shared = one.policy.per == policy::RateKey::kService;
    if (one.policy.global) one.buckets->CountAsked();
    if (!shared) {
      const auto key = key_of(one.policy);
      took[i] = key.has_value();
      if (!took[i]) continue;
      keys[i] = *key;
    }
    const Taken taken = shared ? one.buckets->TakeShared(now) : one.buckets->Take(keys[i], now);
    if (taken.admitted) continue;
    for (std::size_t j = 0; j < i; ++j) {
      if (!took[j]) continue;
      const One& other = limits_[j];
      other.policy.per == policy::RateKey::kService ? other.buckets->ReturnShared()
                                                    : other.buckets->Return(keys[j]);
    }
    return {&one.policy, taken};
  }
  return {};
}

}  // namespace weft::limit
