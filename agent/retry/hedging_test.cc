#include "agent/retry/hedging.h"

#include <gtest/gtest.h>

namespace weft::retry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kNoon = FromNanos(1'000'000'000'000);

struct Hedger {
  policy::Hedging policy{true, 2, milliseconds(2)};
  policy::Retry retry;
  Budget budget{1};
  Hedging hedging{1};

  void Ask(int requests, TimePoint now = kNoon) {
    for (int i = 0; i < requests; ++i) hedging.Asked(policy, now);
  }
  const char* Try(const Hedging::Situation& s = {}, TimePoint now = kNoon) {
    return hedging.Decide(s, retry, budget, now).why;
  }
};

TEST(HedgingTest, TheDelayIsTheTimeThatAsManyPassAsTheBudgetPaysFor) {
  Hedger h;
  EXPECT_EQ(h.hedging.Delay(h.policy, kNoon), Duration::zero()) << "nothing is known yet";
  for (int i = 1; i <= 1000; ++i) h.hedging.Observe(milliseconds(i), kNoon + milliseconds(i));
  const Duration slowest = h.hedging.Delay(h.policy, kNoon + seconds(4));
  EXPECT_NEAR(static_cast<double>(slowest.count()), 984e6, 16e6);
  h.policy.budget_percent = 5;
  EXPECT_EQ(h.hedging.Delay(h.policy, kNoon + seconds(6)), slowest) << "found anew every three seconds";
  EXPECT_NEAR(static_cast<double>(h.hedging.Delay(h.policy, kNoon + seconds(7)).count()), 960e6, 16e6);
}

TEST(HedgingTest, OldTimesAreForgotten) {
  Hedger h;
  for (int i = 0; i < 200; ++i) h.hedging.Observe(milliseconds(500), kNoon);
  for (int i = 0; i < 200; ++i) h.hedging.Observe(milliseconds(10), kNoon + seconds(15));
  EXPECT_GT(h.hedging.Delay(h.policy, kNoon + seconds(16)), milliseconds(400));
  for (int i = 0; i < 200; ++i) h.hedging.Observe(milliseconds(10), kNoon + seconds(30));
  EXPECT_LT(h.hedging.Delay(h.policy, kNoon + seconds(31)), milliseconds(11));
  h.policy.min_delay = milliseconds(20);
  EXPECT_EQ(h.hedging.Delay(h.policy, kNoon + seconds(35)), milliseconds(20));
}

TEST(HedgingTest, TheBudgetHasNoFloorAndSavesNothingUp) {
  Hedger h;
  EXPECT_STREQ(h.Try(), "budget");
  h.Ask(49);
  EXPECT_STREQ(h.Try(), "budget");
  h.Ask(1);
  EXPECT_STREQ(h.Try(), "sent");
  EXPECT_STREQ(h.Try(), "budget");
  h.Ask(100'000);
  int sent = 0;
  while (h.hedging.Decide({}, h.retry, h.budget, kNoon).send) ++sent;
  EXPECT_EQ(sent, 10);
}

TEST(HedgingTest, EachTakesATokenOfTheRetryBudgetToo) {
  Hedger h;
  h.Ask(1000);
  h.retry.budget_min_per_second = 0;
  while (h.budget.TryTake(h.retry, kNoon)) {
  }
  EXPECT_STREQ(h.Try(), "retry_budget");
  h.budget.Deposit(h.retry);
  for (int i = 0; i < 4; ++i) h.budget.Deposit(h.retry);
  EXPECT_STREQ(h.Try(), "sent") << "the refused one took no token of its own";
  EXPECT_FALSE(h.budget.TryTake(h.retry, kNoon));
}

TEST(HedgingTest, ItIsOffWhenMoreLoadWouldHarm) {
  Hedger h;
  h.Ask(1000);
  EXPECT_STREQ(h.Try({.closed = false}), "circuit");
  EXPECT_STREQ(h.Try({.foreseen = true}), "foreseen");
  EXPECT_STREQ(h.Try({.other_hosts = false}), "no_other_instance");
  for (int i = 0; i < 500; ++i) h.hedging.Heard(9, 10);
  EXPECT_STREQ(h.Try(), "utilization");
  for (int i = 0; i < 500; ++i) h.hedging.Heard(6, 10);
  EXPECT_STREQ(h.Try(), "sent");
  for (int i = 0; i < 101; ++i) h.hedging.Retried(kNoon);
  EXPECT_STREQ(h.Try(), "retries");
  EXPECT_STREQ(h.Try({}, kNoon + seconds(11)), "sent");
}

TEST(HedgingTest, AnInstanceThatDoesNotSayItsLimitChangesNothing) {
  Hedger h;
  for (int i = 0; i < 500; ++i) h.hedging.Heard(1000, 0);
  EXPECT_EQ(h.hedging.utilization(), 0);
}

}  // namespace
}  // namespace weft::retry
