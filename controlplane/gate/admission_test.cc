#include "controlplane/gate/admission.h"

#include <gtest/gtest.h>

namespace weft::gate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart = TimePoint(seconds(100));

net::Address From(std::uint8_t host, std::uint16_t port) { return {net::Ip::V4(10, 0, 0, host), port}; }

TEST(AdmissionTest, SoManyHandshakesAtATimeAndTheNextWhenOneIsDone) {
  Admission admission(
      {.handshakes = 2, .per_address = 2, .per_address_per_second = 100, .patience = seconds(1)});
  EXPECT_TRUE(admission.Open(kStart) && admission.Admit(From(1, 1), kStart));
  EXPECT_TRUE(admission.Open(kStart) && admission.Admit(From(2, 1), kStart));
  EXPECT_FALSE(admission.Open(kStart));
  EXPECT_EQ(admission.next(), kStart + seconds(1));
  EXPECT_TRUE(admission.Arrived(From(1, 1))) << "somebody may wait";
  EXPECT_TRUE(admission.Open(kStart));
  EXPECT_FALSE(admission.Arrived(From(1, 1))) << "it was counted once";
}

TEST(AdmissionTest, AConnectionThatNeverCallsGivesItsPlaceBack) {
  Admission admission(
      {.handshakes = 1, .per_address = 1, .per_address_per_second = 100, .patience = seconds(1)});
  ASSERT_TRUE(admission.Admit(From(1, 1), kStart));
  EXPECT_FALSE(admission.Open(kStart + milliseconds(999)));
  EXPECT_TRUE(admission.Open(kStart + seconds(1)));
  EXPECT_TRUE(admission.Admit(From(1, 2), kStart + seconds(1)));
}

TEST(AdmissionTest, OneAddressCannotTakeEveryPlaceAndIsToldAtOnce) {
  Admission admission(
      {.handshakes = 4, .per_address = 2, .per_address_per_second = 100, .patience = seconds(1)});
  EXPECT_TRUE(admission.Admit(From(1, 1), kStart));
  EXPECT_TRUE(admission.Admit(From(1, 2), kStart));
  EXPECT_FALSE(admission.Admit(From(1, 3), kStart));
  EXPECT_TRUE(admission.Open(kStart)) << "one that was refused takes no place";
  EXPECT_TRUE(admission.Admit(From(2, 1), kStart));
  EXPECT_EQ(admission.refused(), 1U);
}

TEST(AdmissionTest, AThousandConnectionsASecondOfOneAddressAreCutToItsRate) {
  Admission admission(
      {.handshakes = 128, .per_address = 48, .per_address_per_second = 100, .patience = seconds(1)});
  int admitted = 0;
  for (int i = 0; i < 10'000; ++i) {
    const TimePoint now = kStart + milliseconds(i);
    const net::Address peer = From(1, static_cast<std::uint16_t>(1 + i));
    if (!admission.Open(now) || !admission.Admit(peer, now)) continue;
    ++admitted;
    admission.Arrived(peer);
  }
  EXPECT_NEAR(admitted, 100 * 10 + 200, 5);
}

TEST(AdmissionTest, WhatIsOverIsForgotten) {
  Admission admission;
  for (std::uint16_t i = 1; i < 5000; ++i) {
    const TimePoint now = kStart + milliseconds(i) * 10;
    ASSERT_TRUE(admission.Open(now));
    ASSERT_TRUE(admission.Admit(From(static_cast<std::uint8_t>(i % 250), i), now));
    if (i % 2 == 0) admission.Arrived(From(static_cast<std::uint8_t>(i % 250), i));
  }
  EXPECT_TRUE(admission.Open(kStart + seconds(100)));
  EXPECT_EQ(admission.next(), std::nullopt);
}

}  // namespace
}  // namespace weft::gate
