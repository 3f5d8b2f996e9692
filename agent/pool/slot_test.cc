#include "agent/pool/slot.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(UseTest, WantsWhatLittlesLawAsksForAndHeadRoom) {
  Use use;
  EXPECT_EQ(use.Wanted(), 1U) << "one is kept of what nobody used";
  for (int sweep = 0; sweep < 1000; ++sweep) use.Sampled(4);
  EXPECT_EQ(use.Wanted(), 9U);  // 4 + 2.33 * 2
  for (int sweep = 0; sweep < 1000; ++sweep) use.Sampled(sweep % 2 == 0 ? 200 : 0);
  EXPECT_NEAR(static_cast<double>(use.Wanted()), 100 + 23.3, 3) << "of bursts the mean";
  for (int sweep = 0; sweep < 100; ++sweep) use.Sampled(0);
  EXPECT_GT(use.Wanted(), 45U) << "a pause of 10 s does not empty the pool";
  for (int sweep = 0; sweep < 2000; ++sweep) use.Sampled(0);
  EXPECT_EQ(use.Wanted(), 1U);
}

TEST(AgeTest, ConnectionsOpenedTogetherEndApartAndNoneOutlivesTheMost) {
  const Duration most = minutes(15);
  int old_early = 0;
  for (int i = 0; i < 1000; ++i) {
    const TimePoint opened = FromNanos(1'000'000'000'000 + i * 1'000);
    EXPECT_FALSE(IsOld(most, opened, opened + most * 4 / 5));
    EXPECT_TRUE(IsOld(most, opened, opened + most));
    old_early += IsOld(most, opened, opened + most * 9 / 10);
    EXPECT_FALSE(IsOld(Duration::zero(), opened, opened + most * 1000));
  }
  EXPECT_NEAR(old_early, 500, 70);  // half of them in the first half of the last fifth
}

}  // namespace
}  // namespace weft::pool
