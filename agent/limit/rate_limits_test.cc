#include "agent/limit/rate_limits.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace weft::limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);

policy::RateLimit Make(const char* name, double rate, std::uint32_t burst,
                       policy::RateKey per = policy::RateKey::kService, std::string path = {}) {
  policy::RateLimit limit;
  limit.name = name;
  limit.per = per;
  limit.path = std::move(path);
  limit.rate = rate;
  limit.burst = burst;
  return limit;
}

TEST(GcraTest, ABurstIsExactAndThenOneTokenComesPerInterval) {
  for (const auto& [rate, burst] : {std::pair{10.0, 20U}, std::pair{5.0, 10U}, std::pair{0.5, 1U}}) {
    const Rate limit = Rate::Of(rate, burst);
    std::int64_t tat = 0;
    const std::int64_t now = Nanos(kStart);
    for (std::uint32_t i = 0; i < burst; ++i) {
      const Taken taken = Take(tat, limit, now);
      EXPECT_TRUE(taken.admitted);
      EXPECT_EQ(taken.remaining, burst - 1 - i);
    }
    const Taken refused = Take(tat, limit, now);
    EXPECT_FALSE(refused.admitted);
    EXPECT_EQ(refused.retry_after.count(), limit.interval);
    EXPECT_FALSE(Take(tat, limit, now + limit.interval - 1).admitted);
    EXPECT_TRUE(Take(tat, limit, now + limit.interval).admitted);
    EXPECT_FALSE(Take(tat, limit, now + limit.interval).admitted);
  }
}

// Within 1 % over ten seconds once the burst is spent, at rates from 5 to a million, under twice the load.
TEST(GcraTest, TenSecondsOfTooManyRequestsGetTheRate) {
  for (const double rate : {5.0, 10.0, 333.0, 1000.0, 77'777.0}) {
    Buckets buckets(Rate::Of(rate, 10));
    TimePoint now = kStart;
    int burst = 0;
    while (buckets.TakeShared(now).admitted) ++burst;
    EXPECT_EQ(burst, 10);
    std::uint64_t admitted = 0;
    std::mt19937_64 random(4);
    const TimePoint end = kStart + seconds(10);
    const auto widest = static_cast<std::uint64_t>(1e9 / rate);  // twice too many, irregular
    while ((now += nanoseconds(static_cast<std::int64_t>(random() % widest))) < end)
      admitted += buckets.TakeShared(now).admitted;
    EXPECT_NEAR(static_cast<double>(admitted), rate * 10, std::max(1.0, rate * 10 * 0.01));
  }
}

TEST(BucketsTest, KeysDoNotShareAndTheirTokensComeBack) {
  Buckets buckets(Rate::Of(1, 2));
  for (std::uint64_t key = 0; key < 1000; ++key) {
    const std::uint64_t hash = (key + 1) * 0x9e3779b97f4a7c15U;
    EXPECT_TRUE(buckets.Take(hash, kStart).admitted);
    EXPECT_TRUE(buckets.Take(hash, kStart).admitted);
    EXPECT_FALSE(buckets.Take(hash, kStart).admitted);
    buckets.Return(hash);
    EXPECT_TRUE(buckets.Take(hash, kStart).admitted);
  }
  EXPECT_EQ(buckets.evicted(), 0u);
}

TEST(BucketsTest, AKeyThatIsFullAgainGivesWayWithoutLossAndOthersAreCounted) {
  Buckets buckets(Rate::Of(1, 1));
  TimePoint now = kStart;
  for (int round = 0; round < 3; ++round, now += seconds(2)) {
    for (std::uint64_t key = 1; key <= 8; ++key) {  // all in one set
      EXPECT_TRUE(buckets.Take(key + 100 * static_cast<std::uint64_t>(round), now).admitted);
    }
  }
  EXPECT_EQ(buckets.evicted(), 0u);
  for (std::uint64_t key = 1; key <= 9; ++key) EXPECT_TRUE(buckets.Take(key + 1000, now).admitted);
  EXPECT_EQ(buckets.evicted(), 1u);
}

// Exact over workers: four threads that ask as fast as they can get the burst and not one more.
TEST(BucketsTest, FourThreadsGetTheBurstAndNotOneMore) {
  Buckets buckets(Rate::Of(0.001, 5000));
  std::atomic<int> shared = 0, keyed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 4000; ++i) {
        shared += buckets.TakeShared(kStart).admitted;
        keyed += buckets.Take(77, kStart).admitted;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(shared, 5000);
  EXPECT_EQ(keyed, 5000);
}

TEST(RateLimitsTest, ARequestMustPassAllThatApplyAndARefusedOneTakesFromNone) {
  RateLimitStore store;
  policy::RateLimits wanted;
  wanted.limits = {Make("all", 1, 3), Make("api", 1, 1, policy::RateKey::kService, "/api")};
  const RateLimitsPtr limits = store.Get(wanted, kStart);
  const auto no_key = [](const policy::RateLimit&) { return std::optional<std::uint64_t>(); };
  EXPECT_EQ(limits->Take("/api", kStart, no_key).refused, nullptr);
  for (int i = 0; i < 5; ++i) {
    const RateVerdict verdict = limits->Take("/api/x", kStart, no_key);
    ASSERT_NE(verdict.refused, nullptr);
    EXPECT_EQ(verdict.refused->name, "api");
    EXPECT_EQ(verdict.taken.retry_after, seconds(1));
  }
  EXPECT_EQ(limits->Take("/apis", kStart, no_key).refused, nullptr) << "whole segments only";
  EXPECT_EQ(limits->Take("/", kStart, no_key).refused, nullptr);
  EXPECT_EQ(limits->Take("/", kStart, no_key).refused->name, "all");
}

TEST(RateLimitsTest, WithoutItsHeaderALimitDoesNotApply) {
  RateLimitStore store;
  policy::RateLimits wanted;
  wanted.limits = {Make("key", 1, 1, policy::RateKey::kHeader)};
  const RateLimitsPtr limits = store.Get(wanted, kStart);
  std::optional<std::uint64_t> key;
  const auto key_of = [&](const policy::RateLimit&) { return key; };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limits->Take("/", kStart, key_of).refused, nullptr);
  key = 5;
  EXPECT_EQ(limits->Take("/", kStart, key_of).refused, nullptr);
  EXPECT_NE(limits->Take("/", kStart, key_of).refused, nullptr);
}

TEST(RateLimitStoreTest, AChangedRateKeepsWhatIsInTheBucketsAndWorkersShareThem) {
  RateLimitStore store;
  policy::RateLimits wanted;
  wanted.limits = {Make("all", 1, 4)};
  const RateLimitsPtr first = store.Get(wanted, kStart);
  EXPECT_EQ(store.Get(wanted, kStart), first) << "the second worker";
  const auto no_key = [](const policy::RateLimit&) { return std::optional<std::uint64_t>(); };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(first->Take("/", kStart, no_key).refused, nullptr);
  wanted.limits[0].rate = 10;
  const RateLimitsPtr second = store.Get(wanted, kStart);
  EXPECT_EQ(second->Take("/", kStart, no_key).taken.retry_after, milliseconds(100));
  EXPECT_EQ(second->Take("/", kStart + milliseconds(100), no_key).refused, nullptr);
  wanted.limits.clear();
  EXPECT_TRUE(store.Get(wanted, kStart)->empty());
}

}  // namespace
}  // namespace weft::limit
