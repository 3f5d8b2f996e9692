#include "agent/retry/retry.h"

#include <gtest/gtest.h>

namespace weft::retry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kNow = FromNanos(1'000'000'000'000);

Verdict Try(const Situation& s, const policy::Retry& policy = {}, std::uint64_t number = 1) {
  Budget budget(1);
  Rng rng(1, number);
  return Decide(policy, s, budget, rng, kNow);
}

Situation Answer(std::uint16_t status) {
  Situation s;
  s.kind = Kind::kResponse;
  s.status = status;
  return s;
}

TEST(RetryTest, RulesApplyInTheirOrder) {
  EXPECT_STREQ(Try(Answer(503)).why, "retry");
  EXPECT_STREQ(Try(Answer(500)).why, "not_retriable");
  Situation s = Answer(503);
  s.method = message::Method::kPost;
  EXPECT_STREQ(Try(s).why, "not_idempotent");
  s.idempotency_key = true;
  EXPECT_TRUE(Try(s).retry);
  s.caller_attempt = 2;
  EXPECT_STREQ(Try(s).why, "outer_hop");
  s.retries = 2;
  s.caller_attempt = 1;
  EXPECT_STREQ(Try(s).why, "attempts");
  s.replayable = false;
  EXPECT_STREQ(Try(s).why, "not_replayable");
  s.committed = true;
  EXPECT_STREQ(Try(s).why, "committed");
}

TEST(RetryTest, ACodeOfGrpcIsRepeatedOnlyWhenItIsListed) {
  Situation s = Answer(503);
  s.method = message::Method::kPost;
  s.grpc = 14;
  EXPECT_STREQ(Try(s).why, "not_retriable");  // 503 is listed, but it is not what came
  policy::Retry policy;
  policy.on |= policy::kOnGrpcUnavailable;
  EXPECT_TRUE(Try(s, policy).retry);
  s.grpc = 13;
  EXPECT_STREQ(Try(s, policy).why, "not_retriable");
  s.grpc = 0;
  EXPECT_STREQ(Try(s, policy).why, "not_idempotent");
}

TEST(RetryTest, ARequestThatWasNeverSentIsSafeWhateverItsMethod) {
  Situation s;
  s.kind = Kind::kConnectFailure;
  s.method = message::Method::kPost;
  s.never_sent = true;
  s.other_hosts = true;
  EXPECT_TRUE(Try(s).retry);
  EXPECT_EQ(Try(s).delay, Duration::zero()) << "another host at once";
}

TEST(RetryTest, AStaleConnectionIsRepeatedOnceOnAFreshOneEvenWithoutAPolicy) {
  policy::Retry off;
  off.enabled = false;
  Situation s;
  s.kind = Kind::kReset;
  s.reused_connection = true;
  EXPECT_TRUE(Try(s, off).retry);
  EXPECT_TRUE(Try(s, off).fresh);
  s.stale_used = true;
  EXPECT_FALSE(Try(s, off).retry);
  s.stale_used = false;
  s.method = message::Method::kPost;
  EXPECT_FALSE(Try(s, off).retry) << "it may have been processed";
}

TEST(RetryTest, DelaysAreFullJitterOrTheGatewaysMinimumForm) {
  policy::Retry gateway;
  gateway.backoff_is_minimum = true;
  for (std::uint64_t number = 0; number < 200; ++number) {
    Situation s = Answer(503);
    s.retries = 1;
    EXPECT_LE(Try(s, {}, number).delay, milliseconds(50));
    EXPECT_GE(Try(s, gateway, number).delay, milliseconds(50));
    EXPECT_LE(Try(s, gateway, number).delay, milliseconds(100));
  }
}

TEST(RetryTest, RetryAfterIsExactAndRefusedWhenItIsLongOrPastTheDeadline) {
  Situation s = Answer(503);
  s.retry_after = seconds(2);
  EXPECT_EQ(Try(s).delay, seconds(2));
  s.remaining = seconds(1);
  EXPECT_STREQ(Try(s).why, "deadline");
  s.remaining = Duration::max();
  s.retry_after = seconds(6);
  EXPECT_STREQ(Try(s).why, "retry_after");
}

TEST(BudgetTest, WorkersShareFloorAndSizeSoThatTheirSumIsTheProcess) {
  policy::Retry policy;
  int taken = 0;
  for (int worker = 0; worker < 3; ++worker) {
    Budget budget(3);
    while (budget.TryTake(policy, kNow)) ++taken;
    for (int i = 1; i <= 1000; ++i) taken += budget.TryTake(policy, kNow + milliseconds(10) * i);
  }
  EXPECT_EQ(taken, 30 + 30) << "30 saved, 3 per second for 10 s";
}

}  // namespace
}  // namespace weft::retry
