#include "agent/quota/keeper.h"

#include <gtest/gtest.h>

namespace weft::quota {
namespace {

using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);
const BackendKey kCart{{"local", "default", "cart"}, 80};

TEST(QuotaKeeperTest, BeginsWithTheSafeShareAndFollowsGrants) {
  Keeper keeper;
  Keeper::Looked looked = keeper.Look({{kCart, "all", 1000, 5, 0}}, kStart);
  ASSERT_EQ(looked.rates.size(), 1u);
  EXPECT_EQ(looked.rates[0].per_second, 200);
  EXPECT_TRUE(keeper.Look({{kCart, "all", 1000, 5, 0}}, kStart + seconds(1)).rates.empty()) << "the same";
  keeper.Granted(80, "all", 700, 5, seconds(10), kStart + seconds(1));
  keeper.Granted(81, "all", 1, 5, seconds(10), kStart + seconds(1));
  looked = keeper.Look({{kCart, "all", 1000, 5, 1000}}, kStart + seconds(2));
  ASSERT_EQ(looked.rates.size(), 1u);
  EXPECT_EQ(looked.rates[0].per_second, 700);
  ASSERT_EQ(looked.wanted.size(), 1u);
  EXPECT_GT(looked.wanted[0].wanted, 300);
  looked = keeper.Look({{kCart, "all", 1000, 5, 1000}}, kStart + seconds(80));
  ASSERT_EQ(looked.rates.size(), 1u) << "the control plane has gone";
  EXPECT_EQ(looked.rates[0].per_second, 200);
}

TEST(QuotaKeeperTest, ALimitThatComesBackBeginsAnew) {
  Keeper keeper;
  keeper.Look({{kCart, "all", 1000, 5, 0}}, kStart);
  keeper.Granted(80, "all", 700, 5, seconds(10), kStart);
  EXPECT_TRUE(keeper.Look({}, kStart + seconds(1)).wanted.empty());
  const Keeper::Looked looked = keeper.Look({{kCart, "all", 1000, 5, 0}}, kStart + seconds(2));
  ASSERT_EQ(looked.rates.size(), 1u);
  EXPECT_EQ(looked.rates[0].per_second, 200);
}

TEST(QuotaKeeperTest, AShareNeverExceedsARateThatWasLowered) {
  Keeper keeper;
  keeper.Look({{kCart, "all", 1000, 5, 0}}, kStart);
  keeper.Granted(80, "all", 700, 5, seconds(10), kStart);
  const Keeper::Looked looked = keeper.Look({{kCart, "all", 100, 5, 0}}, kStart + seconds(1));
  ASSERT_EQ(looked.rates.size(), 1u);
  EXPECT_EQ(looked.rates[0].per_second, 100);
}

}  // namespace
}  // namespace weft::quota
