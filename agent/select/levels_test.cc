#include "agent/select/levels.h"

#include <gtest/gtest.h>

namespace weft::select {
namespace {

using Shares = std::array<std::uint32_t, kLevels>;

// Envoy's examples for priorities of a hundred hosts each, by how many are healthy.
TEST(LevelsTest, ALevelKeepsAllUntilTooFewAreHealthyThenTheNextTakesTheRest) {
  const auto of = [](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    return ShareLevels({a, b, c}, {100, 100, c == 0 ? 0ULL : 100ULL});
  };
  EXPECT_EQ(of(100, 100, 0), (Shares{100, 0, 0}));
  EXPECT_EQ(of(72, 100, 0), (Shares{100, 0, 0}));
  EXPECT_EQ(of(71, 71, 0), (Shares{99, 1, 0}));
  EXPECT_EQ(of(50, 100, 0), (Shares{70, 30, 0}));
  EXPECT_EQ(of(25, 25, 0), (Shares{50, 50, 0}));
  EXPECT_EQ(of(25, 25, 20), (Shares{37, 35, 28}));
  EXPECT_EQ(of(0, 100, 0), (Shares{0, 100, 0}));
  EXPECT_EQ(of(0, 0, 0), (Shares{0, 0, 0}));
}

TEST(LevelsTest, SharesAreAlwaysAHundredWhileAnyIsHealthy) {
  for (std::uint64_t a = 0; a <= 20; ++a) {
    for (std::uint64_t b = 0; b <= 20; ++b) {
      for (std::uint64_t c = 0; c <= 20; ++c) {
        const Shares s = ShareLevels({a, b, c}, {20, 20, 20});
        EXPECT_EQ(s[0] + s[1] + s[2], a + b + c == 0 ? 0u : 100u);
        EXPECT_TRUE((a > 0 || s[0] == 0) && (b > 0 || s[1] == 0) && (c > 0 || s[2] == 0));
      }
    }
  }
}

TEST(LevelsTest, AZoneMayNameItsRegion) {
  EXPECT_EQ(LevelOf("eu/a", "eu/a"), 0u);
  EXPECT_EQ(LevelOf("eu/a", "eu/b"), 1u);
  EXPECT_EQ(LevelOf("eu/a", "us/a"), 2u);
  EXPECT_EQ(LevelOf("eu/a", "eux/a"), 2u);
  EXPECT_EQ(LevelOf("a", "b"), 2u);
  EXPECT_EQ(LevelOf("a", ""), 2u);
  EXPECT_EQ(LevelOf("", "b"), 0u) << "nothing is known of where we are";
}

}  // namespace
}  // namespace weft::select
