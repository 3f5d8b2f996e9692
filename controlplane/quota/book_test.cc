#include "controlplane/quota/book.h"

#include <gtest/gtest.h>

#include "common/random/random.h"

namespace weft::quota {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);

TEST(WaterFillTest, TheLeastDemandingGetWhatTheyWantAndTheOthersTheSame) {
  EXPECT_EQ(WaterFill(120, {1000, 50, 10}), (std::vector<double>{60, 50, 10}));  // doorman's example
  EXPECT_EQ(WaterFill(120, {10, 20, 30}), (std::vector<double>{30, 40, 50})) << "what is left is divided";
  EXPECT_EQ(WaterFill(100, {}), std::vector<double>{});
  EXPECT_EQ(WaterFill(100, {0, 0}), (std::vector<double>{50, 50}));
}

TEST(BookTest, SharesFollowWhatIsWanted) {
  Book book;
  EXPECT_NEAR(book.Ask("a", "cart", {1000, 1, 5000}, kStart).rate, 980, 1e-9);
  const Share late = book.Ask("b", "cart", {1000, 1, 100}, kStart);
  EXPECT_NEAR(late.rate, 20, 1e-9) << "no more is free until the first one is told";
  EXPECT_EQ(late.agents, 2u);
  EXPECT_NEAR(book.Ask("a", "cart", {1000, 1, 5000}, kStart + seconds(1)).rate, 880, 1e-9);
  EXPECT_NEAR(book.Ask("b", "cart", {1000, 1, 100}, kStart + seconds(1)).rate, 100, 1e-9);
}

TEST(BookTest, AnAgentThatIsNotHeardOfLosesItsShareWithItsLease) {
  Book book;
  book.Ask("a", "cart", {100, 1, 1000}, kStart);
  EXPECT_NEAR(book.Ask("b", "cart", {100, 1, 1000}, kStart + seconds(9)).rate, 2, 1e-9);
  EXPECT_NEAR(book.Ask("b", "cart", {100, 1, 1000}, kStart + seconds(10)).rate, 98, 1e-9);
}

TEST(BookTest, TheRateOfTheNewestConfigurationHolds) {
  Book book;
  book.Ask("a", "cart", {100, 5, 1000}, kStart);
  EXPECT_NEAR(book.Ask("a", "cart", {900, 4, 1000}, kStart).rate, 98, 1e-9);
  EXPECT_NEAR(book.Ask("a", "cart", {50, 6, 1000}, kStart).rate, 49, 1e-9);
}

TEST(BookTest, LeasesNeverAddUpToMoreThanTheRateWhateverIsWantedWhen) {
  Book book;
  Rng rng(7, 1);
  std::map<std::string, std::pair<double, TimePoint>> held;
  TimePoint now = kStart;
  for (int i = 0; i < 20'000; ++i, now += milliseconds(rng.Below(Purpose::kSimulation, 40))) {
    const std::string node = "agent-" + std::to_string(rng.Below(Purpose::kSimulation, 50));
    const double wanted = static_cast<double>(rng.Below(Purpose::kSimulation, 200));
    held[node] = {book.Ask(node, "cart", {1000, 1, wanted}, now).rate, now + kLease};
    double sum = 0;
    for (const auto& [name, lease] : held) sum += lease.second > now ? lease.first : 0;
    ASSERT_LE(sum, 1000.0001);
  }
}

TEST(BookTest, LimitsAreBoundedAndThoseThatNobodyAsksForMakeRoom) {
  Book book;
  for (std::size_t i = 0; i < kMostLimits; ++i) book.Ask("a", std::to_string(i), {10, 1, 1}, kStart);
  EXPECT_EQ(book.Ask("a", "one more", {10, 1, 1}, kStart).agents, 0u);
  EXPECT_EQ(book.Ask("a", "one more", {10, 1, 1}, kStart + kLease).agents, 1u);
  EXPECT_EQ(book.limits(), 1u);
}

}  // namespace
}  // namespace weft::quota
