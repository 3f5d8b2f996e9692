#include "agent/limit/concurrency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <queue>
#include <random>
#include <thread>

namespace weft::limit {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr policy::Limiter kLimiters[] = {policy::Limiter::kGradient, policy::Limiter::kVegas,
                                         policy::Limiter::kAimd};

// An application that serves `places` requests at once, 20 ms each, first come first served, and drops none:
// the more it is let in, the longer each waits. Open load: requests come whatever happened to others. Half of
// what it can do for 30 s, then `load` times; counted from 30 s after that on.
struct Outcome {
  double goodput = 0;  // answered per second, of its capacity
  Duration slowest = Duration::zero();
  std::uint32_t limit = 0;
  std::uint64_t refused = 0;
};
Outcome Serve(policy::Limiter limiter, double load, int places = 20) {
  constexpr Duration kWork = milliseconds(20);
  policy::Concurrency policy;
  policy.limiter = limiter;
  Concurrency concurrency;
  std::mt19937_64 random(7);
  std::vector<TimePoint> free(static_cast<std::size_t>(places));  // when each place is
  std::priority_queue<std::pair<TimePoint, TimePoint>, std::vector<std::pair<TimePoint, TimePoint>>,
                      std::greater<>>
      running;  // ends, began
  const double per_second = places / 0.020;
  TimePoint now = FromNanos(1'000'000'000'000);
  const TimePoint calm = now + seconds(30), warm = calm + seconds(30), end = warm + seconds(30);
  Outcome out;
  std::uint64_t answered = 0;
  while (now < end) {
    const auto gap =
        std::uniform_real_distribution(0.0, 2.0)(random) / (per_second * (now < calm ? 0.5 : load));
    now += Duration(static_cast<std::int64_t>(gap * 1e9));
    while (!running.empty() && running.top().first <= now) {
      const auto [ended, began] = running.top();
      running.pop();
      // Long waits are time-outs of the callers: they count as drops, which only AIMD needs.
      concurrency.Leave(policy, ended - began, ended - began > milliseconds(200), true, ended);
      if (ended < warm) continue;
      ++answered;
      out.slowest = std::max(out.slowest, ended - began);
    }
    if (!concurrency.TryEnter(policy, Priority::kCritical)) {
      out.refused += now >= warm;
      continue;
    }
    auto place = std::min_element(free.begin(), free.end());
    *place = std::max(*place, now) + kWork;
    running.emplace(*place, now);
  }
  out.goodput = static_cast<double>(answered) / 30 / per_second;
  out.limit = concurrency.limit();
  return out;
}

TEST(ConcurrencyTest, AtTwiceTheLoadTheApplicationKeepsServingAndNobodyWaitsLong) {
  for (const policy::Limiter limiter : kLimiters) {
    const Outcome out = Serve(limiter, 2);
    EXPECT_GE(out.goodput, 0.9) << static_cast<int>(limiter);
    EXPECT_GT(out.refused, 0u);
    EXPECT_LE(out.slowest, milliseconds(limiter == policy::Limiter::kAimd ? 260 : 100))
        << static_cast<int>(limiter) << " limit " << out.limit;
  }
}

TEST(ConcurrencyTest, AtHalfTheLoadNobodyIsRefused) {
  for (const policy::Limiter limiter : kLimiters) EXPECT_EQ(Serve(limiter, 0.5).refused, 0u);
}

TEST(ConcurrencyTest, WhatMattersLeastGoesFirst) {
  policy::Concurrency policy;
  policy.limiter = policy::Limiter::kGradient;
  policy.initial = policy.max = 100;
  Concurrency concurrency;
  const auto fill = [&](Priority priority) {
    std::uint32_t taken = 0;
    while (concurrency.TryEnter(policy, priority)) ++taken;
    return taken;
  };
  EXPECT_EQ(fill(PriorityOf("sheddable")), 80u);
  EXPECT_EQ(fill(PriorityOf("")), 15u);
  EXPECT_EQ(fill(PriorityOf("critical")), 5u);
  EXPECT_FALSE(concurrency.TryEnter(policy, Priority::kSheddable));
}

TEST(ConcurrencyTest, FourThreadsNeverExceedTheLimit) {
  policy::Concurrency policy;
  policy.limiter = policy::Limiter::kAimd;
  policy.initial = policy.min = policy.max = 3;
  Concurrency concurrency;
  std::atomic<int> held = 0, most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (!concurrency.TryEnter(policy, Priority::kCritical)) continue;
        const int now = ++held;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --held;
        concurrency.Leave(policy, microseconds(5), false, true, FromNanos(1'000'000'000 + i));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(concurrency.in_flight(), 0u);
}

}  // namespace
}  // namespace weft::limit
