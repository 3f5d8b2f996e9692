#include "common/result/result.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

Result<int> Halve(int value) {
  if (value % 2 != 0) return Invalid("must be even", "value", "in.yaml:3:7");
  return value / 2;
}

TEST(ResultTest, CarriesAValueOrAnErrorThatNamesPlaceAndField) {
  EXPECT_EQ(Halve(4).value(), 2);
  ASSERT_TRUE(Halve(3).has_error());
  EXPECT_EQ(Halve(3).error().Text(), "in.yaml:3:7: value: must be even");
}

TEST(ResultTest, AValueThatIsNotThereThrowsItsError) { EXPECT_THROW(Halve(3).value(), std::exception); }

TEST(ResultTest, EachKindHasAName) {
  EXPECT_EQ(ToString(ErrorKind::kInvalid), "invalid");
  EXPECT_EQ(ToString(ErrorKind::kInternal), "internal");
}

}  // namespace
}  // namespace weft
