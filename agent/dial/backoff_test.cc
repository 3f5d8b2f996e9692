#include "agent/dial/backoff.h"

#include <gtest/gtest.h>

namespace weft::dial {
namespace {

TEST(BackoffTest, DelaysStayBetweenBaseAndCapAndDifferFromAgentToAgent) {
  Backoff one(Rng(1, 1)), two(Rng(1, 2));
  int same = 0;
  for (int i = 0; i < 50; ++i) {
    const Duration a = one.Next(), b = two.Next();
    EXPECT_GE(a, Backoff::kBase);
    EXPECT_LE(a, Backoff::kCap);
    same += a == b ? 1 : 0;
  }
  EXPECT_LT(same, 25);
  one.Reset();
  EXPECT_LE(one.Next(), 3 * Backoff::kBase);
}

}  // namespace
}  // namespace weft::dial
