#include <gtest/gtest.h>

#include <memory>

#include "agent/health/group.h"
#include "common/stats/log2.h"

namespace weft::health {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kDay = FromNanos(1'000'000'000'000);

policy::HealthCheck Checks() {
  policy::HealthCheck checks;
  checks.enabled = true;
  checks.failure_threshold = 1;
  checks.recovery_threshold = 1;
  return checks;
}

class Members {
 public:
  explicit Members(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      all.push_back(std::make_unique<Instance>(1, i));
      pointers.push_back(all.back().get());
    }
  }
  // So many answers of that time from each, the first one `factor` times as slow.
  void Answer(std::uint32_t answers, double factor, Duration usual, TimePoint now) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      Evidence evidence;
      evidence.badness.requests = answers;
      const auto took =
          static_cast<double>(usual.count()) * (i == 0 ? factor : 1 + 0.01 * static_cast<double>(i));
      evidence.speed = {stats::Log2(static_cast<std::uint64_t>(took)) * answers, answers};
      all[i]->Learn(0, evidence, {}, policy, now);
    }
  }
  std::vector<std::unique_ptr<Instance>> all;
  std::vector<Instance*> pointers;
  policy::OutlierDetection policy;
};

TEST(LatencyTest, AnInstanceThreeTimesAsSlowIsDegradedAndAfterThirtySecondsEjected) {
  Members members(5);
  TimePoint now = kDay;
  std::vector<Ejection> ejected;
  for (int second = 0; second <= 32 && ejected.empty(); ++second, now += seconds(1)) {
    members.Answer(30, 3, milliseconds(100), now);
    ejected = EjectOutliers(members.pointers, members.policy, now);
    if (ejected.empty()) {
      EXPECT_EQ(members.all[0]->state(), State::kDegraded);
      EXPECT_STREQ(members.all[0]->cause(), "latency");
    }
  }
  ASSERT_EQ(ejected.size(), 1u);
  EXPECT_STREQ(ejected[0].cause, "latency");
  EXPECT_EQ(now - kDay, seconds(31));
  for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(members.all[i]->state(), State::kHealthy);
}

TEST(LatencyTest, WhatNobodyWouldNoticeOrEverybodyHasIsNoOutlier) {
  Members fast(5), few(3), off(5);
  off.policy.latency_factor = 0;
  for (int second = 0; second < 40; ++second) {
    const TimePoint now = kDay + seconds(second);
    fast.Answer(30, 10, milliseconds(2), now);  // 20 ms: below what is noticed
    few.Answer(30, 10, milliseconds(100), now);
    off.Answer(30, 10, milliseconds(100), now);
    for (Members* members : {&fast, &few, &off}) {
      EXPECT_TRUE(EjectOutliers(members->pointers, members->policy, now).empty());
      EXPECT_EQ(members->all[0]->state(), State::kHealthy);
    }
  }
}

TEST(LatencyTest, ItIsHarderToComeBackThanToStay) {
  Members members(5);
  members.Answer(30, 3, milliseconds(100), kDay);
  EjectOutliers(members.pointers, members.policy, kDay);
  EXPECT_EQ(members.all[0]->state(), State::kDegraded);
  TimePoint now = kDay + seconds(11);
  members.Answer(30, 1.7, milliseconds(100), now);
  EjectOutliers(members.pointers, members.policy, now);
  EXPECT_EQ(members.all[0]->state(), State::kDegraded);
  now += seconds(11);
  members.Answer(30, 1.2, milliseconds(100), now);
  EjectOutliers(members.pointers, members.policy, now);
  EXPECT_EQ(members.all[0]->state(), State::kHealthy);
}

// Five seconds well, five seconds not, for half an hour: the criterion of the scenario asks for at most four
// changes before it is damped.
TEST(FlappingTest, AnInstanceThatFlapsIsHeldDownForLongerEachTime) {
  Instance instance(1, 1);
  const policy::OutlierDetection outlier;
  State last = instance.state();
  int changes = 0, before_damping = -1;
  for (int second = 0; second < 1800; ++second) {
    const TimePoint now = kDay + seconds(second);
    Evidence evidence;
    (second / 5 % 2 == 0 ? evidence.passed_checks : evidence.failed_checks) = 1;
    instance.Learn(0, evidence, Checks(), outlier, now);
    if (instance.state() != last) ++changes;
    last = instance.state();
    if (instance.damped(now) && before_damping < 0) before_damping = changes;
  }
  EXPECT_LE(before_damping, 5);
  EXPECT_LE(changes, 24) << "undamped it would be 360";
  EXPECT_STREQ(instance.cause(), "flapping");
}

TEST(FlappingTest, AnInstanceThatFailsOnceAnHourIsNotDamped) {
  Instance instance(1, 1);
  for (int hour = 0; hour < 12; ++hour) {
    for (const bool passes : {false, true}) {
      Evidence evidence;
      (passes ? evidence.passed_checks : evidence.failed_checks) = 1;
      const TimePoint now = kDay + std::chrono::hours(hour) + seconds(passes ? 30 : 0);
      instance.Learn(0, evidence, Checks(), {}, now);
      EXPECT_EQ(instance.state(), passes ? State::kHealthy : State::kUnhealthy);
    }
  }
}

}  // namespace
}  // namespace weft::health
