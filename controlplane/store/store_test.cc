#include "controlplane/store/conformance.h"
#include "controlplane/store/leases.h"
#include "controlplane/store/memory.h"

namespace weft::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Memory, StoreConformance, testing::Values([] { return MakeMemoryStore(); }));

using std::chrono::seconds;
const Leases::Id kCart{"default/cart", "1"};

TEST(LeasesTest, ALeaseLapsesUnlessRenewed) {
  Leases leases;
  const TimePoint start = FromNanos(0);
  leases.Grant(kCart, seconds(10), start);
  EXPECT_TRUE(leases.Renew(kCart, start + seconds(9)));
  EXPECT_TRUE(leases.TakeLapsed(start + seconds(18)).empty());
  EXPECT_EQ(leases.Remaining(kCart, start + seconds(18)), seconds(1));
  EXPECT_EQ(leases.TakeLapsed(start + seconds(19)), std::vector{kCart});
  EXPECT_FALSE(leases.Renew(kCart, start + seconds(19)));
  EXPECT_EQ(leases.size(), 0U);
}

TEST(LeasesTest, NoTimeToLiveMeansNoLease) {
  Leases leases;
  leases.Grant(kCart, seconds(10), FromNanos(0));
  leases.Grant(kCart, seconds(0), FromNanos(0));
  EXPECT_FALSE(leases.Remaining(kCart, FromNanos(0)));
  EXPECT_TRUE(leases.TakeLapsed(FromNanos(0) + seconds(100)).empty());
}

}  // namespace
}  // namespace weft::store
