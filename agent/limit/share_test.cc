#include "agent/limit/share.h"

#include <gtest/gtest.h>

namespace weft::limit {
namespace {

using std::chrono::seconds;
const TimePoint kDayOne = FromNanos(1'000'000'000'000);

TEST(ShareTest, BeforeAnyGrantItIsTheRateDividedByTheInstances) {
  const Share share;
  EXPECT_EQ(share.Rate(1000, 50, kDayOne), 20);
  EXPECT_EQ(share.Rate(1000, 0, kDayOne), 1000) << "alone, as far as it knows";
}

TEST(ShareTest, AGrantHoldsForItsLeaseAndGoesOverToTheSafeShareInAMinute) {
  Share share;
  share.Grant(200, 50, seconds(10), kDayOne);
  EXPECT_EQ(share.Rate(1000, 1, kDayOne), 200);
  EXPECT_EQ(share.Rate(1000, 1, kDayOne + seconds(10)), 200);
  EXPECT_NEAR(share.Rate(1000, 1, kDayOne + seconds(40)), 110, 1e-9);
  EXPECT_NEAR(share.Rate(1000, 1, kDayOne + seconds(70)), 20, 1e-9);
  EXPECT_NEAR(share.Rate(1000, 1, kDayOne + seconds(700)), 20, 1e-9);
  share.Grant(5, 50, seconds(10), kDayOne + seconds(700));
  EXPECT_EQ(share.Rate(1000, 1, kDayOne + seconds(701)), 5);
  EXPECT_NEAR(share.Rate(1000, 1, kDayOne + seconds(770)), 20, 1e-9) << "from below, too";
}

TEST(ShareTest, WhatIsWantedFollowsWhatIsAskedForInSeconds) {
  Share share;
  EXPECT_EQ(share.Wanted(1000, kDayOne), 0) << "the first look only begins";
  EXPECT_NEAR(share.Wanted(1100, kDayOne + seconds(1)), 102, 1e-9);
  double wanted = 0;
  for (int i = 2; i <= 8; ++i)
    wanted = share.Wanted(1100 + 300 * static_cast<std::uint64_t>(i - 1), kDayOne + seconds(i));
  EXPECT_NEAR(wanted, 306, 10);
}

TEST(ShareTest, AShareThatIsInUseHasRoomForASecondOfItWhileItsLeaseLasts) {
  Share share;
  share.Wanted(0, kDayOne);
  share.Grant(20, 50, seconds(10), kDayOne);
  EXPECT_EQ(share.Room(20, kDayOne + seconds(1)), 0) << "nobody asked yet";
  share.Wanted(8, kDayOne + seconds(1));
  EXPECT_EQ(share.Room(20, kDayOne + seconds(1)), 8) << "what it was asked for";
  share.Wanted(1000, kDayOne + seconds(2));
  EXPECT_EQ(share.Room(20, kDayOne + seconds(2)), 20) << "no more than it has";
  EXPECT_EQ(share.Room(20, kDayOne + seconds(10)), 0) << "the lease is over";
}

}  // namespace
}  // namespace weft::limit
