#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "agent/breaker/circuit.h"
#include "agent/breaker/window.h"
#include "common/random/random.h"
#include "tests/support/effort.h"

namespace weft::breaker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);

policy::CircuitBreaker Fixed() {
  policy::CircuitBreaker policy;
  policy.fixed_open = true;
  return policy;
}

TEST(CircuitTest, OpenRefusesUntilItsDurationIsOverAndThenGivesExactlyThePermits) {
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(circuit.generation(), Fixed(), kStart));
  EXPECT_EQ(circuit.Admit(Fixed(), {}, kStart + seconds(60) - milliseconds(1)).permit, 0u);
  const TimePoint later = kStart + seconds(60) + milliseconds(1);
  std::vector<Permit> permits;
  for (int i = 0; i < 10; ++i) {
    if (const Permit p = circuit.Admit(Fixed(), {}, later).permit; p != 0) permits.push_back(p);
  }
  ASSERT_EQ(permits.size(), 3u);
  EXPECT_EQ(circuit.Record(permits[0], 0, Fixed(), later), Change::kNone);
  EXPECT_EQ(circuit.Record(permits[1], 0, Fixed(), later), Change::kNone);
  EXPECT_EQ(circuit.Record(permits[2], 0, Fixed(), later), Change::kRecovering);
}

TEST(CircuitTest, ARecoveringCircuitLetsTenThenTwentyFiveThenFiftyPercentFlow) {
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(0, Fixed(), kStart));
  const TimePoint later = kStart + seconds(61);
  for (int i = 0; i < 3; ++i) circuit.Record(circuit.Admit(Fixed(), {}, later).permit, 0, Fixed(), later);
  ASSERT_EQ(circuit.Look().state, State::kRecovering);
  for (const auto& [step, most] : {std::pair{0, 10}, std::pair{1, 25}, std::pair{2, 50}}) {
    int flowed = 0;
    for (int i = 0; i < 1000; ++i) flowed += circuit.Admit(Fixed(), {}, later + seconds(step)).permit != 0;
    EXPECT_GE(flowed, most * 10);
    EXPECT_LE(flowed, most * 10 + 3);
    const Admission refused = circuit.Admit(Fixed(), {}, later + seconds(step) + milliseconds(400));
    EXPECT_TRUE(refused.permit != 0 || refused.retry_after == milliseconds(600));
  }
  EXPECT_NE(circuit.Admit(Fixed(), {}, later + seconds(3)).permit, 0u);
  EXPECT_EQ(circuit.Look().state, State::kClosed);
}

TEST(CircuitTest, AtFewRequestsTheRampRefusesNone) {
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(0, Fixed(), kStart));
  const TimePoint later = kStart + seconds(61);
  for (int i = 0; i < 3; ++i) circuit.Record(circuit.Admit(Fixed(), {}, later).permit, 0, Fixed(), later);
  for (int i = 0; i < 20; ++i)
    EXPECT_NE(circuit.Admit(Fixed(), {}, later + milliseconds(400 * i)).permit, 0u);
}

TEST(CircuitTest, WhatTripsWhileRecoveringOpensForLonger) {
  const policy::CircuitBreaker policy;
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(0, policy, kStart));
  const TimePoint later = kStart + seconds(6);
  for (int i = 0; i < 3; ++i) circuit.Record(circuit.Admit(policy, {}, later).permit, 0, policy, later);
  EXPECT_EQ(circuit.Look().openings, 1u);
  EXPECT_TRUE(circuit.Trip(circuit.generation(), policy, later));
  EXPECT_EQ(circuit.Look().openings, 2u);
  EXPECT_EQ(circuit.counts().recovering, 1u);
}

TEST(CircuitTest, AReturnedPermitIsGivenAgain) {
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(0, Fixed(), kStart));
  const TimePoint later = kStart + seconds(61);
  const Permit first = circuit.Admit(Fixed(), {}, later).permit;
  for (int i = 0; i < 2; ++i) EXPECT_NE(circuit.Admit(Fixed(), {}, later).permit, 0u);
  EXPECT_EQ(circuit.Admit(Fixed(), {}, later).permit, 0u);
  circuit.Return(first);
  EXPECT_NE(circuit.Admit(Fixed(), {}, later).permit, 0u);
}

TEST(CircuitTest, AStragglerOfAnOlderGenerationChangesNothing) {
  Circuit circuit(1, 2);
  const Permit old = circuit.Admit(Fixed(), {}, kStart).permit;
  ASSERT_TRUE(circuit.Trip(0, Fixed(), kStart));
  EXPECT_FALSE(circuit.Trip(Circuit::GenerationOf(old), Fixed(), kStart))
      << "the evidence is of a closed circuit";
  const Permit trial = circuit.Admit(Fixed(), {}, kStart + seconds(61)).permit;
  EXPECT_EQ(circuit.Record(old, 2, Fixed(), kStart + seconds(61)), Change::kNone);
  EXPECT_EQ(circuit.Look().state, State::kHalfOpen);
  EXPECT_EQ(circuit.Record(trial, 2, Fixed(), kStart + seconds(61)), Change::kOpened);
  EXPECT_EQ(circuit.Record(trial, 0, Fixed(), kStart + seconds(61)), Change::kNone);
}

TEST(CircuitTest, HalfOpenPermitsThatNeverComeBackCountAsTimeouts) {
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(0, Fixed(), kStart));
  const TimePoint later = kStart + seconds(61);
  for (int i = 0; i < 3; ++i) EXPECT_NE(circuit.Admit(Fixed(), seconds(1), later).permit, 0u);
  EXPECT_EQ(circuit.Admit(Fixed(), seconds(1), later + seconds(6)).permit, 0u);
  EXPECT_EQ(circuit.Look().state, State::kOpen);
}

TEST(CircuitTest, BackOffGrowsFromFiveToSixtySecondsWithJitterThatDiffersBetweenAgents) {
  const policy::CircuitBreaker policy;
  Circuit circuit(1, 2), other(3, 2);
  TimePoint now = kStart;
  for (const int most : {5, 10, 20, 40, 60, 60}) {
    ASSERT_TRUE(most == 5 ? circuit.Trip(0, policy, now) : circuit.Look().state == State::kOpen);
    const Duration open = circuit.Look().deadline - now;
    EXPECT_GE(open, milliseconds(500) * most);
    EXPECT_LE(open, seconds(most) + milliseconds(2));
    now += open + milliseconds(2);
    EXPECT_EQ(circuit.Record(circuit.Admit(policy, {}, now).permit, 2, policy, now), Change::kOpened);
  }
  other.Trip(0, policy, kStart);
  Circuit again(1, 2);
  again.Trip(0, policy, kStart);
  EXPECT_NE(other.Look().deadline, again.Look().deadline);
}

TEST(CircuitTest, TwoGoodScoutsInARowOpenTheWayLongBeforeTheDeadline) {
  const policy::CircuitBreaker policy;
  Circuit circuit(1, 2);
  TimePoint now = kStart;
  ASSERT_TRUE(circuit.Trip(0, policy, now));
  for (int i = 0; i < 4; ++i) {  // 40 to 80 s, and at most 60
    now = circuit.Look().deadline + milliseconds(1);
    circuit.Record(circuit.Admit(policy, {}, now).permit, 2, policy, now);
  }
  ASSERT_GE(circuit.Look().deadline - now, seconds(30));
  EXPECT_EQ(circuit.Admit(policy, {}, now).permit, 0u);
  EXPECT_EQ(circuit.Admit(policy, {}, now + milliseconds(990)).permit, 0u);
  const auto scout = [&](Duration after = seconds(1)) {
    now += after;
    const Admission admitted = circuit.Admit(policy, {}, now);
    EXPECT_NE(admitted.permit, 0u);
    EXPECT_EQ(admitted.state, State::kOpen);
    EXPECT_EQ(circuit.Admit(policy, {}, now + milliseconds(10)).permit, 0u) << "one at a time";
    return admitted.permit;
  };
  EXPECT_EQ(circuit.Record(scout(), 0, policy, now), Change::kNone) << "one says little";
  EXPECT_EQ(circuit.Record(scout(), 2, policy, now), Change::kNone);
  EXPECT_EQ(circuit.Record(scout(), 0, policy, now), Change::kNone) << "not two in a row";
  EXPECT_EQ(circuit.Admit(policy, {}, now + milliseconds(240)).permit, 0u);
  const Permit never_sent = scout(milliseconds(250));
  circuit.Return(never_sent);
  EXPECT_EQ(circuit.Record(scout(), 0, policy, now), Change::kHalfOpened);
  EXPECT_EQ(circuit.Record(never_sent, 0, policy, now), Change::kNone) << "of an older generation by now";
  int permits = 0;
  for (int i = 0; i < 10; ++i) permits += circuit.Admit(policy, {}, now).permit != 0;
  EXPECT_EQ(permits, 3);
}

TEST(CircuitTest, AnOpenTimeThatIsFixedHasNoScouts) {
  Circuit circuit(1, 2);
  ASSERT_TRUE(circuit.Trip(0, Fixed(), kStart));
  for (int second = 0; second < 60; ++second)
    EXPECT_EQ(circuit.Admit(Fixed(), {}, kStart + seconds(second)).permit, 0u);
}

TEST(CircuitTest, FourThreadsSendOneScout) {
  const policy::CircuitBreaker policy;
  Circuit circuit(1, 2);
  TimePoint now = kStart;
  circuit.Trip(0, policy, now);
  for (int i = 0; i < 4; ++i) {
    now = circuit.Look().deadline + milliseconds(1);
    circuit.Record(circuit.Admit(policy, {}, now).permit, 2, policy, now);
  }
  EXPECT_EQ(circuit.Admit(policy, {}, now).permit, 0u);
  std::atomic<int> scouts = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) scouts += circuit.Admit(policy, {}, now + seconds(3)).permit != 0;
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(scouts, 1);
}

// The specification in plain variables, for random sequences of events.
struct Model {
  State state = State::kClosed;
  std::uint32_t generation = 0, given = 0, done = 0;
  double points = 0;
  TimePoint deadline;
  std::int64_t ramp_step = -1, ramp = 0;

  bool Ramp(TimePoint now) {
    const std::int64_t step = (now - deadline) / seconds(1);
    if (step >= 3) return Move(State::kClosed, now), true;
    if (step != ramp_step) ramp_step = step, ramp = 0;
    const std::int64_t percent[] = {10, 25, 50};
    const bool flows = ramp < 3 || (ramp + 1) * percent[step] / 100 > ramp * percent[step] / 100;
    return ++ramp, flows;
  }
  void Move(State to, TimePoint until) {
    state = to, deadline = until, ++generation;
    given = done = 0;
    points = 0, ramp_step = -1;
  }
  bool Admit(TimePoint now) {
    if (state == State::kClosed) return true;
    if (state == State::kRecovering) return Ramp(now);
    if (state == State::kHalfOpen && now >= deadline) Move(State::kOpen, now + seconds(60));
    if (state == State::kOpen && now >= deadline) Move(State::kHalfOpen, now + seconds(5));
    if (state != State::kHalfOpen || given >= 3) return false;
    ++given;
    return true;
  }
  void Record(std::uint32_t of, double w, TimePoint now) {
    if (state != State::kHalfOpen || of != generation) return;
    ++done, points += w;
    if (points > 0.9)
      Move(State::kOpen, now + seconds(60));
    else if (done >= 3)
      Move(State::kRecovering, now);
  }
};

TEST(CircuitTest, RandomSequencesOfEventsAgreeWithTheModel) {
  for (std::uint64_t seed = 0; seed < support::Steps(std::uint64_t{2'000}); ++seed) {  // a million steps
    Circuit circuit(seed, 1);
    Model model;
    Rng random(seed, 7);
    TimePoint now = FromNanos(1'000'000'000'000);
    std::vector<std::pair<Permit, std::uint32_t>> out;
    for (int step = 0; step < 500; ++step) {
      now += milliseconds(random.Below(Purpose::kTest, 2) == 0 ? 10 : random.Below(Purpose::kTest, 4000));
      const std::uint64_t event = random.Below(Purpose::kTest, 8);
      if (event < 4) {
        const Permit permit = circuit.Admit(Fixed(), {}, now).permit;
        ASSERT_EQ(permit != 0, model.Admit(now)) << "seed " << seed << " step " << step;
        if (permit != 0) out.emplace_back(permit, model.state == State::kHalfOpen ? model.generation : ~0U);
      } else if (event < 6 && !out.empty()) {
        const std::size_t i = random.Below(Purpose::kTest, out.size());
        const double w = random.Below(Purpose::kTest, 4) == 0 ? 2 : 0;
        circuit.Record(out[i].first, w, Fixed(), now);
        model.Record(out[i].second, w, now);
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
      } else if (event == 6 && !out.empty()) {
        circuit.Return(out.back().first);
        if (model.state == State::kHalfOpen && out.back().second == model.generation) --model.given;
        out.pop_back();
      } else if (event == 7 && random.Below(Purpose::kTest, 4) == 0) {
        const bool tripped = circuit.Trip(circuit.generation(), Fixed(), now);
        ASSERT_EQ(tripped, model.state == State::kClosed || model.state == State::kRecovering);
        if (tripped) model.Move(State::kOpen, now + seconds(60));
      }
      ASSERT_EQ(circuit.Look().state, model.state) << "seed " << seed << " step " << step;
      ASSERT_EQ(circuit.Look().generation, model.generation);
    }
  }
}

TEST(CircuitTest, FourThreadsGetExactlyThreePermits) {
  for (int round = 0; round < 200; ++round) {
    Circuit circuit(1, 2);
    circuit.Trip(0, Fixed(), kStart);
    std::atomic<int> admitted = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i) admitted += circuit.Admit(Fixed(), {}, kStart + seconds(61)).permit != 0;
      });
    }
    for (std::thread& t : threads) t.join();
    ASSERT_EQ(admitted, 3);
  }
}

TEST(WindowTest, TheThresholdOfPointsTripsExactly) {
  policy::CircuitBreaker policy;
  policy.adaptive = false;
  Window window;
  for (int i = 0; i < 40; ++i) window.Add(0, 0, false, false, kStart + milliseconds(40 * i));
  for (int i = 0; i < 6; ++i) window.Add(0, 1.5, false, false, kStart + milliseconds(1600));
  EXPECT_EQ(window.Evaluate(policy, kStart + milliseconds(1600)), Trip::kNo) << "9 points";
  window.Add(0, 1.0, false, false, kStart + milliseconds(1600));
  EXPECT_EQ(window.Evaluate(policy, kStart + milliseconds(1600)), Trip::kSlow) << "10 points";
}

TEST(WindowTest, FewerThanTheMinimumOfRequestsNeverTripByRate) {
  Window window;
  for (int i = 0; i < 19; ++i) window.Add(0, 2, false, false, kStart);
  EXPECT_EQ(window.Evaluate({}, kStart), Trip::kNo);
  window.Add(0, 2, false, false, kStart);
  EXPECT_EQ(window.Evaluate({}, kStart), Trip::kFast);
}

TEST(WindowTest, A4xxStormNeverTrips) {
  Window window;
  for (int i = 0; i < 1000; ++i) window.Add(0, 0.5, true, false, kStart + milliseconds(i));
  EXPECT_EQ(window.Evaluate({}, kStart + seconds(1)), Trip::kNo);
}

TEST(WindowTest, ARunTripsOnlyWhenItLasts) {
  Window window;
  for (int i = 0; i < 5; ++i) window.Add(0, 1.5, false, false, kStart + milliseconds(i));
  EXPECT_EQ(window.Evaluate({}, kStart + milliseconds(5)), Trip::kNo);
  window.Add(0, 1.5, false, false, kStart + milliseconds(250));
  EXPECT_EQ(window.Evaluate({}, kStart + milliseconds(250)), Trip::kConsecutive);
}

TEST(WindowTest, AStalledClockAndANewGenerationClearTheEvidence) {
  Window window;
  for (int i = 0; i < 30; ++i) window.Add(0, 2, false, false, kStart);
  EXPECT_EQ(window.Slow(kStart + seconds(3600)).requests, 0u);
  for (int i = 0; i < 30; ++i) window.Add(0, 2, false, false, kStart + seconds(3601));
  window.Add(1, 2, false, false, kStart + seconds(3601));
  EXPECT_EQ(window.Slow(kStart + seconds(3601)).requests, 1u);
}

// Badness of 20 % is usual for one service and an outage for another.
TEST(WindowTest, TheThresholdFollowsWhatIsUsualAndNoFurtherThanItsClamps) {
  const auto after = [](int of_ten, int hours) {  // so many of ten requests a second fail
    Window window;
    TimePoint now = kStart;
    for (int i = 0; i < hours * 36'000; ++i, now += milliseconds(100))
      window.Add(0, i % 10 < of_ten ? 1.5 : 0, false, false, now);
    return window.baseline().Theta(100);
  };
  EXPECT_EQ(after(0, 1), 0.30);
  EXPECT_GT(after(1, 2), 0.35);
  EXPECT_LT(after(1, 2), 0.60);
  EXPECT_LE(after(9, 3), 0.31) << "an outage that lasts is not learned";
}

TEST(WindowTest, RunsAreLongerWhereFailuresAreUsual) {
  Baseline baseline;
  EXPECT_EQ(baseline.Run(), 5u);
  for (int i = 0; i < 10'000; ++i) baseline.Learn(7.5, 11.25, 100);  // 5 % answers of 5xx
  EXPECT_EQ(baseline.Run(), 7u);
}

TEST(WindowTest, SlowSuccessesTripAtThirtyPercent) {
  Window window;
  for (int i = 0; i < 100; ++i)
    window.Add(0, i % 10 < 3 ? 1.0 : 0, false, false, kStart + milliseconds(20 * i));
  EXPECT_EQ(window.Evaluate({}, kStart + seconds(2)), Trip::kSlow);
}

}  // namespace
}  // namespace weft::breaker
