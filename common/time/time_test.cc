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

TEST(HttpDateTest, TheFormThatMayBeSentIsReadAndNothingElse) {
  const auto date = ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT");
  ASSERT_TRUE(date);
  EXPECT_EQ(UtcText(*date), "1994-11-06T08:49:37Z");
  EXPECT_EQ(UtcText(*ParseHttpDate("Thu, 29 Feb 2024 23:59:59 GMT")), "2024-02-29T23:59:59Z");
  for (const char* bad :
       {"", "60", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:3x GMT", "Sun, 06 Nov 1994 08:49:37 GMT "})
    EXPECT_FALSE(ParseHttpDate(bad)) << bad;
}

}  // namespace
}  // namespace weft
