#include "agent/config/retired.h"

#include <gtest/gtest.h>

#include "agent/cold/driven_cold.h"

namespace weft::config {
namespace {

snapshot::SnapshotPtr Made() { return std::make_shared<const snapshot::Snapshot>(); }

TEST(RetiredTest, ASnapshotLivesUntilItsLastUserLetGoAndDiesOnTheColdThread) {
  cold::DrivenCold cold;
  Retired retired(cold);
  snapshot::SnapshotPtr used = Made();
  const std::weak_ptr<const snapshot::Snapshot> watched = used;
  retired.Keep(used);
  retired.Keep(Made());
  cold.Advance(Retired::kEvery);
  EXPECT_EQ(retired.size(), 2u);
  used.reset();
  EXPECT_FALSE(watched.expired());  // not by whoever used it last
  cold.Advance(Retired::kEvery);
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(retired.size(), 1u);
}

TEST(RetiredTest, TheOneInForceStays) {
  cold::DrivenCold cold;
  Retired retired(cold);
  for (int i = 0; i < 3; ++i) retired.Keep(Made());
  cold.Advance(Retired::kEvery);
  EXPECT_EQ(retired.size(), 1u);
  cold.Advance(Retired::kEvery * 10);
  EXPECT_EQ(retired.size(), 1u);
}

TEST(RetiredTest, NothingIsLookedAtOnceItIsGone) {
  cold::DrivenCold cold;
  {
    Retired retired(cold);
    retired.Keep(Made());
    retired.Keep(Made());
  }
  cold.Advance(Retired::kEvery);
}

}  // namespace
}  // namespace weft::config
