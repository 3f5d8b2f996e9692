#include "common/time/time.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

using std::chrono::milliseconds;

TEST(DeadlineTest, TheDefaultNeverComes) {
  EXPECT_TRUE(Deadline().never());
  EXPECT_FALSE(Deadline().Passed(TimePoint::max() - Duration(1)));
  EXPECT_EQ(Deadline().Remaining(FromNanos(5)), Duration::max());
}

TEST(DeadlineTest, ZeroSpanMeansNone) {
  EXPECT_TRUE(Deadline::After(FromNanos(7), Duration::zero()).never());
}

TEST(DeadlineTest, AHugeSpanDoesNotOverflow) {
  EXPECT_TRUE(Deadline::After(FromNanos(7), Duration::max()).never());
}

TEST(DeadlineTest, PassesExactlyAtItsMoment) {
  const TimePoint start = FromNanos(1'000);
  const Deadline deadline = Deadline::After(start, milliseconds(2));
  EXPECT_FALSE(deadline.Passed(start + milliseconds(2) - Duration(1)));
  EXPECT_TRUE(deadline.Passed(start + milliseconds(2)));
  EXPECT_EQ(deadline.Remaining(start + milliseconds(3)), Duration::zero());
}

TEST(UtcTextTest, IsRfc3339WithOrWithoutMilliseconds) {
  using namespace std::chrono;
  const sys_seconds at = sys_days(year(2026) / 11 / 23) + hours(4) + minutes(5) + seconds(6);
  EXPECT_EQ(UtcText(at), "2026-11-23T04:05:06Z");
  EXPECT_EQ(UtcText(sys_time<milliseconds>(at) + milliseconds(7)), "2026-11-23T04:05:06.007Z");
}

}  // namespace
}  // namespace weft
