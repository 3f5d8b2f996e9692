#include "agent/retry/adaptive_timeout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace weft::retry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Lognormal latency around `typical`; times out at the limit, as in life. The share that did, of the last
// half.
class Service {
 public:
  double Run(int requests, Duration typical, bool observe = true) {
    int late = 0;
    for (int i = 0; i < requests; ++i, now_ += milliseconds(1)) {
      const double factor = std::exp(std::normal_distribution(0.0, 0.5)(random_));
      const Duration took(static_cast<std::int64_t>(factor * static_cast<double>(typical.count())));
      const Duration limit = timeout.Limit(seconds(5));
      const bool timed_out = limit > Duration::zero() && took > limit;
      if (i >= requests / 2) late += timed_out;
      if (observe) timeout.Observe(timed_out ? limit : took, timed_out, now_);
    }
    return late / (requests / 2.0);
  }
  AdaptiveTimeout timeout;

 private:
  std::mt19937_64 random_{5};
  TimePoint now_ = FromNanos(1'000'000'000'000);
};

TEST(AdaptiveTimeoutTest, AtMostOneInAThousandIsCutThoughTheCutHidesHowLongTheyWouldHaveTaken) {
  Service service;
  const double late = service.Run(400'000, milliseconds(20));
  EXPECT_LE(late, 0.002);
  EXPECT_GE(late, 0.00005) << "a limit that cuts nobody says nothing";
  EXPECT_LE(service.timeout.Limit(seconds(5)), milliseconds(200));
}

TEST(AdaptiveTimeoutTest, ItFollowsAServiceThatBecomesTwiceAsSlow) {
  Service service;
  service.Run(100'000, milliseconds(20));
  EXPECT_LE(service.Run(200'000, milliseconds(40)), 0.002);
}

TEST(AdaptiveTimeoutTest, FrozenItIsWhatItWas) {
  Service service;
  service.Run(100'000, milliseconds(20));
  const Duration before = service.timeout.Limit(seconds(5));
  service.Run(10'000, seconds(4), false);
  EXPECT_EQ(service.timeout.Limit(seconds(5)), before);
}

TEST(AdaptiveTimeoutTest, ItSaysNothingBeforeItHasSeenEnoughAndNeverMoreThanTheLongest) {
  Service service;
  service.Run(1'199, milliseconds(20));
  EXPECT_EQ(service.timeout.Limit(seconds(5)), Duration::zero());
  service.Run(2, milliseconds(20));
  EXPECT_EQ(service.timeout.Limit(milliseconds(30)), milliseconds(30));
  EXPECT_GE(service.timeout.Limit(seconds(5)), milliseconds(20));
}

}  // namespace
}  // namespace weft::retry
