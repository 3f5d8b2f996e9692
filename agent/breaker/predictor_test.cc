#include "agent/breaker/predictor.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace weft::breaker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A service of 200 requests a second with noisy latency around `latency` and a limit of one second.
class Watched {
 public:
  std::map<Foresight, int> Run(int from, int to, double latency_ms, double growth_per_second = 0,
                               double bad = 0, int lost = 0) {
    std::map<Foresight, int> told;
    double now_ms = latency_ms;
    for (int second = from; second < to; ++second, now_ms += growth_per_second) {
      const double noisy = now_ms * std::uniform_real_distribution(0.9, 1.1)(random_);
      Pulse pulse{200, noisy * 1e6 * 200, bad * 200, static_cast<std::uint32_t>(lost)};
      const auto in_flight = static_cast<std::uint32_t>(noisy / 5);
      const TimePoint now = FromNanos(1'000'000'000'000) + seconds(second);
      ++told[predictor.Look(pulse, in_flight, seconds(1), now)];
    }
    return told;
  }
  Predictor predictor;

 private:
  std::mt19937_64 random_{3};
};

TEST(PredictorTest, LatencyThatClimbsTowardTheLimitIsForeseenSecondsBefore) {
  Watched service;
  EXPECT_EQ(service.Run(0, 300, 50).size(), 1u) << "nothing happens";
  const auto told = service.Run(300, 330, 50, 20);  // half of the limit after 22 s
  EXPECT_EQ(told.count(Foresight::kRaised), 1u);
  EXPECT_EQ(told.count(Foresight::kHit), 1u);
  EXPECT_EQ(told.count(Foresight::kMissed), 0u);
  EXPECT_GE(service.predictor.lead(), seconds(5));
}

TEST(PredictorTest, WhatIsOnlyUnusualAlarmsNobody) {
  Watched service;
  service.Run(0, 300, 50);
  const auto told = service.Run(300, 900, 75);  // a deploy: half as slow again
  EXPECT_EQ(told.count(Foresight::kRaised), 0u);
  EXPECT_EQ(service.predictor.risk(), 0);
}

TEST(PredictorTest, ACrashHasNoPrecursorAndIsMissed) {
  Watched service;
  service.Run(0, 300, 50);
  const auto told = service.Run(300, 320, 50, 0, 1.5, 200);
  EXPECT_EQ(told.at(Foresight::kMissed), 1);
  EXPECT_EQ(told.count(Foresight::kHit), 0u);
}

TEST(PredictorTest, APredictionThatNothingConfirmsIsFalseAndSilencesTheNext) {
  Watched service;
  service.Run(0, 300, 50);
  int raised = 0, wrong = 0, second = 300;
  for (int round = 0; round < 4; ++round) {  // climbs for 12 s and turns back, every two minutes
    for (const auto& [seconds_long, growth, start] :
         {std::tuple{13, 25.0, 50.0}, std::tuple{107, 0.0, 50.0}}) {
      auto told = service.Run(second, second + seconds_long, start, growth);
      raised += told[Foresight::kRaised];
      wrong += told[Foresight::kFalse];
      second += seconds_long;
    }
  }
  EXPECT_GE(raised, 1);
  EXPECT_EQ(wrong, raised);
  EXPECT_LE(raised, 2) << "silent for five minutes after the first";
}

TEST(PredictorTest, FewRequestsAndTheFirstMinuteSayNothing) {
  Watched early;
  EXPECT_EQ(early.Run(0, 50, 50, 8).count(Foresight::kRaised), 0u);
  Predictor quiet;
  for (int second = 0; second < 400; ++second) {
    const double ms = 50 + (second > 300 ? (second - 300) * 4.0 : 0.0);
    EXPECT_NE(quiet.Look({5, ms * 5e6, 0, 0}, 1, seconds(1), FromNanos(1'000'000'000'000) + seconds(second)),
              Foresight::kRaised);
  }
}

}  // namespace
}  // namespace weft::breaker
