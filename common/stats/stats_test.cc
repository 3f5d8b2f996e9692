#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/stats/histogram.h"
#include "common/stats/ring.h"

namespace weft::stats {
namespace {

TEST(HistogramTest, PercentilesAreWithinOneAndAHalfPercentAndMergingIsExact) {
  Histogram a, b, both;
  std::vector<std::uint32_t> values;
  std::uint64_t x = 1;
  for (int i = 0; i < 20'000; ++i) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    const auto value = static_cast<std::uint32_t>(x >> 44) + 1;
    values.push_back(value);
    (i % 2 == 0 ? a : b).Add(value);
    both.Add(value);
  }
  std::sort(values.begin(), values.end());
  a.Merge(b);
  for (const double p : {1.0, 50.0, 90.0, 99.0, 99.9}) {
    const double exact = values[static_cast<std::size_t>(p / 100 * 20'000) - 1];
    EXPECT_NEAR(both.Percentile(p) / exact, 1, 0.0157);
    EXPECT_EQ(a.Percentile(p), both.Percentile(p));
  }
}

TEST(HistogramTest, ACopyIsApartAndSubtractingItLeavesWhatCameSince) {
  Histogram one;
  for (std::uint64_t value = 1; value < 100'000'000; value = value * 3 + 1) one.Add(value);
  const Histogram before = one;
  one.Add(50);
  EXPECT_EQ(before.total() + 1, one.total());
  one.Subtract(before);
  EXPECT_EQ(one.total(), 1U);
  EXPECT_EQ(one.Percentile(100), 50U);
  one.Clear();
  EXPECT_EQ(one.Percentile(100), 0U);
  one = before;
  EXPECT_EQ(one.Percentile(50), before.Percentile(50));
}

TEST(HistogramTest, ValuesBeyondTheRangeSaturate) {
  Histogram h;
  EXPECT_EQ(h.Percentile(50), 0u);
  h.Add(~std::uint64_t{0});
  EXPECT_NEAR(h.Percentile(50), Histogram::kLargest, Histogram::kLargest * 0.0157);
}

TEST(RingTest, TheTotalIsTheSumOfTheLastBucketsWhateverTheGaps) {
  Ring<double, 10> ring(std::chrono::milliseconds(100));
  std::vector<std::pair<std::int64_t, double>> all;  // bucket, value
  std::int64_t now = 1'000'000'000'000, x = 12345;
  for (int i = 0; i < 5000; ++i) {
    x = (x * 1103515245 + 12345) % 2147483648;
    now += x % 7 == 0 ? x % 3'000'000'000 : x % 50'000'000;
    ring.Add(FromNanos(now), 1.5);
    all.emplace_back(now / 100'000'000, 1.5);
    double sum = 0;
    for (const auto& [bucket, value] : all) sum += bucket > now / 100'000'000 - 10 ? value : 0;
    ASSERT_DOUBLE_EQ(ring.Total(FromNanos(now)), sum) << i;
  }
}

}  // namespace
}  // namespace weft::stats
