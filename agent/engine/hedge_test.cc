#include <gtest/gtest.h>

#include "agent/decision/log.h"
#include "agent/engine/engine.h"
#include "agent/simulate/agent.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kMorning = FromNanos(1'000'000'000'000);

AttemptResult Outcome200(TimePoint at, std::uint16_t status = 200) {
  AttemptResult result;
  result.outcome = Outcome::kResponse;
  result.status = status;
  result.head_at = at;
  return result;
}
AttemptResult Of(Outcome outcome) {
  AttemptResult result;
  result.outcome = outcome;
  return result;
}

// A service whose requests take 10 ms, until it is known.
struct Known {
  explicit Known(bool hedging = true, std::uint32_t instances = 3) {
    policy::ServicePolicy policy;
    policy.hedging.enabled = hedging;
    engine.Install(simulate::MakeCart(instances, policy).snapshot, kMorning);
    for (int i = 0; i < 400; ++i) {
      Call call;
      Begin(call);
      now += milliseconds(10);
      engine.Ended(call, Outcome200(now), now);
      engine.Finish(call, Reason::kOk, 200, now);
    }
  }
  Target* Begin(Call& call, message::Method method = message::Method::kGet) {
    message::RequestHead head;
    head.method = method;
    head.authority = "cart";
    head.target = "/";
    Reason why = Reason::kOk;
    EXPECT_EQ(engine.Start(call, {}, head, now).action, Action::kForward);
    return engine.Pick(call, now, why);
  }
  std::uint32_t in_flight() const {
    std::uint32_t sum = 0;
    for (const auto& target : engine.backends()[0]->targets) sum += target->in_flight();
    return sum;
  }
  std::string Record() {
    return ToJson(engine.log().Last(1, false).front(), engine.log().names(), Duration::zero());
  }

  Shared shared{1};
  Engine engine{{}, shared, nullptr};
  TimePoint now = kMorning;
};

bool Says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(HedgeTest, TheSecondAttemptGoesElsewhereAndTheFirstIsOutrun) {
  Known k;
  Call call;
  const Target* first = k.Begin(call);
  EXPECT_NEAR(static_cast<double>(call.hedge_after.count()), 10e6, 0.2e6);
  k.now += call.hedge_after;
  const Target* second = k.engine.Hedge(call, k.now);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(second, first);
  EXPECT_EQ(k.in_flight(), 2u);
  EXPECT_EQ(k.engine.Hedge(call, k.now), nullptr) << "one is enough";
  k.now += milliseconds(3);
  EXPECT_FALSE(k.engine.Ended(call, Of(Outcome::kOutrun), k.now).retry);
  EXPECT_EQ(call.target, second);
  k.engine.Ended(call, Outcome200(k.now), k.now);
  k.engine.Finish(call, Reason::kOk, 200, k.now);
  EXPECT_EQ(k.in_flight(), 0u);
  const std::string record = k.Record();
  EXPECT_TRUE(Says(record, "\"hedge\":\"sent\"")) << record;
  EXPECT_TRUE(Says(record, "\"outcome\":\"outrun\"")) << record;
}

TEST(HedgeTest, TheFirstAnswersAfterAll) {
  Known k;
  Call call;
  const Target* first = k.Begin(call);
  k.now += call.hedge_after;
  ASSERT_NE(k.engine.Hedge(call, k.now), nullptr);
  k.engine.HedgeEnded(call, Of(Outcome::kOutrun), k.now);
  EXPECT_EQ(call.target, first);
  k.engine.Ended(call, Outcome200(k.now), k.now);
  k.engine.Finish(call, Reason::kOk, 200, k.now);
  EXPECT_EQ(k.in_flight(), 0u);
}

TEST(HedgeTest, AFirstAttemptThatFailsLeavesTheRequestToTheSecondWhichMayBeRetried) {
  Known k;
  Call call;
  const Target* first = k.Begin(call);
  k.now += call.hedge_after;
  const Target* second = k.engine.Hedge(call, k.now);
  const RetryVerdict verdict = k.engine.Ended(call, Outcome200(k.now, 503), k.now);
  EXPECT_FALSE(verdict.retry);
  EXPECT_STREQ(verdict.why, "hedged");
  EXPECT_EQ(call.target, second);
  EXPECT_TRUE(k.engine.Ended(call, Of(Outcome::kReset), k.now).retry);
  Reason why = Reason::kOk;
  const Target* third = k.engine.Pick(call, k.now, why);
  EXPECT_NE(third, first);
  EXPECT_NE(third, second);
  EXPECT_EQ(call.hedge_after, Duration::zero()) << "a retry has none";
  k.engine.Ended(call, Outcome200(k.now), k.now);
  k.engine.Finish(call, Reason::kOk, 200, k.now);
  EXPECT_EQ(k.in_flight(), 0u);
}

TEST(HedgeTest, ARequestThatEndsBeforeBothGivesBothBack) {
  Known k;
  Call call;
  k.Begin(call);
  k.now += call.hedge_after;
  ASSERT_NE(k.engine.Hedge(call, k.now), nullptr);
  k.engine.Finish(call, Reason::kClientClosed, 0, k.now);
  EXPECT_EQ(k.in_flight(), 0u);
}

TEST(HedgeTest, OnlyWhatMayBeRepeatedHasOneAndOnlyWhenItIsOn) {
  Known k;
  Call post;
  k.Begin(post, message::Method::kPost);
  EXPECT_EQ(post.hedge_after, Duration::zero());
  k.engine.Finish(post, Reason::kClientClosed, 0, k.now);
  Known off(false);
  Call call;
  off.Begin(call);
  EXPECT_EQ(call.hedge_after, Duration::zero());
  EXPECT_EQ(off.engine.Hedge(call, off.now), nullptr);
  off.engine.Finish(call, Reason::kClientClosed, 0, off.now);
  Known alone(true, 1);
  Call lonely;
  alone.Begin(lonely);
  EXPECT_EQ(alone.engine.Hedge(lonely, alone.now), nullptr);
  EXPECT_STREQ(lonely.seen.hedge, "no_other_instance");
  alone.engine.Finish(lonely, Reason::kClientClosed, 0, alone.now);
}

TEST(HedgeTest, AnInstanceThatIsOutrunIsKnownToBeSlow) {
  Known k;
  Call call;
  Target* first = k.Begin(call);
  k.now += call.hedge_after;
  ASSERT_NE(k.engine.Hedge(call, k.now), nullptr);
  k.now += milliseconds(90);
  k.engine.Ended(call, Of(Outcome::kOutrun), k.now);
  EXPECT_NEAR(first->node.Cost(k.now), 100e6, 1e6);
  k.engine.Ended(call, Outcome200(k.now), k.now);
  k.engine.Finish(call, Reason::kOk, 200, k.now);
}

}  // namespace
}  // namespace weft::engine
