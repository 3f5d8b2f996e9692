#include "common/stats/log2.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft::stats {
namespace {

TEST(Log2Test, IsCloseMonotonicAndHasAnInverse) {
  double last = -1;
  for (std::uint64_t value = 1; value < 100'000'000'000; value += value / 7 + 1) {
    const double log = Log2(value);
    EXPECT_GT(log, last);
    EXPECT_NEAR(log, std::log2(static_cast<double>(value)), 0.087);
    EXPECT_NEAR(Exp2(log), static_cast<double>(value), 1e-9 * static_cast<double>(value));
    last = log;
  }
  EXPECT_EQ(Log2(0), 0);
}

}  // namespace
}  // namespace weft::stats
