#include "common/environment/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weft::environment {
namespace {

TEST(Environment, SplitsAtTheFirstEqualsSign) {
  const char* const entries[] = {"A=1", "B=x=y", "EMPTY=", "none", nullptr};
  EXPECT_EQ(Read(entries), (std::map<std::string, std::string>{{"A", "1"}, {"B", "x=y"}, {"EMPTY", ""}}));
}

TEST(Environment, IsThatOfThisProcess) {
  ASSERT_EQ(setenv("WEFT_ENVIRONMENT_TEST", "here", 1), 0);
  EXPECT_EQ(Read().at("WEFT_ENVIRONMENT_TEST"), "here");
}

}  // namespace
}  // namespace weft::environment
