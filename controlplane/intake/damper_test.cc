#include "controlplane/intake/damper.h"

#include <gtest/gtest.h>

namespace weft::intake {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

v1::Instance At(const std::string& address) {
  v1::Instance out;
  out.set_id("id of " + address);
  out.set_address(address);
  out.set_port(80);
  return out;
}
const std::vector<v1::Instance> kAll = {At("10.0.0.1"), At("10.0.0.2"), At("10.0.0.3"), At("10.0.0.4")};
const std::vector<v1::Instance> kWithoutOne = {kAll.begin() + 1, kAll.end()};

TEST(DamperTest, AReturnOrTwoAreToldAtOnce) {
  Damper damper;
  TimePoint now = FromNanos(0);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(damper.Pass(kAll, now).size(), 4U) << i;
    EXPECT_EQ(damper.Pass(kWithoutOne, now += seconds(1)).size(), 3U);
    now += seconds(1);
  }
}

TEST(DamperTest, WhatFlapsIsWithheldUntilItIsQuietForMinutes) {
  Damper damper;
  TimePoint now = FromNanos(0);
  for (int i = 0; i < 5; ++i) {
    damper.Pass(kAll, now += seconds(1));
    damper.Pass(kWithoutOne, now += seconds(1));
  }
  EXPECT_EQ(damper.Pass(kAll, now).size(), 3U);
  EXPECT_EQ(damper.withheld(), std::set<std::string>{"10.0.0.1:80"});
  EXPECT_EQ(damper.Pass(kAll, now + minutes(1)).size(), 3U);
  EXPECT_EQ(damper.Pass(kAll, now + minutes(3)).size(), 4U);
}

TEST(DamperTest, SicknessThatComesAndGoesCountsToo) {
  Damper damper;
  std::vector<v1::Instance> sick = kAll;
  sick[0].set_declared(v1::DECLARED_UNHEALTHY);
  TimePoint now = FromNanos(0);
  for (int i = 0; i < 5; ++i) {
    damper.Pass(kAll, now += seconds(1));
    EXPECT_EQ(damper.Pass(sick, now += seconds(1)).size(), 4U) << "the bad news is never held back";
  }
  EXPECT_EQ(damper.Pass(kAll, now).size(), 3U);
}

TEST(DamperTest, AtMostHalfOfThoseThatServeAreWithheld) {
  Damper damper;
  TimePoint now = FromNanos(0);
  for (int i = 0; i < 8; ++i) {
    damper.Pass(kAll, now += seconds(1));
    damper.Pass({}, now += seconds(1));
  }
  EXPECT_EQ(damper.Pass(kAll, now).size(), 2U);
  Damper alone;
  for (int i = 0; i < 8; ++i) {
    alone.Pass({kAll[0]}, now += seconds(1));
    alone.Pass({}, now += seconds(1));
  }
  EXPECT_EQ(alone.Pass({kAll[0]}, now).size(), 1U);
}

}  // namespace
}  // namespace weft::intake
