#include "common/random/random.h"

#include <array>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(RngTest, TheSameKeyDrawsTheSame) {
  Rng a(1, 2), b(1, 2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.Next(Purpose::kSelect), b.Next(Purpose::kSelect));
}

TEST(RngTest, SeedStreamAndPurposeEachChangeTheDraw) {
  const std::uint64_t base = Mix(1, 2, Purpose::kSelect, 0);
  EXPECT_NE(base, Mix(2, 2, Purpose::kSelect, 0));
  EXPECT_NE(base, Mix(1, 3, Purpose::kSelect, 0));
  EXPECT_NE(base, Mix(1, 2, Purpose::kBackoff, 0));
  EXPECT_NE(base, Mix(1, 2, Purpose::kSelect, 1));
}

TEST(RngTest, BelowIsUniformEnough) {
  std::array<int, 7> seen{};
  for (std::uint64_t request = 0; request < 70'000; ++request) {
    ++seen[Rng(42, request).Below(Purpose::kSelect, 7)];
  }
  for (int count : seen) EXPECT_NEAR(count, 10'000, 400);
}

TEST(RngTest, BelowNothingIsZeroAndUnitStaysBelowOne) {
  Rng rng(3, 4);
  EXPECT_EQ(rng.Below(Purpose::kTest, 0), 0U);
  for (int i = 0; i < 1'000; ++i) EXPECT_LT(rng.Unit(Purpose::kTest), 1.0);
}

}  // namespace
}  // namespace weft
