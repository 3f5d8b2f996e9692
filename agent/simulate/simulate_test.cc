#include <gtest/gtest.h>

#include "agent/simulate/agent.h"
#include "agent/simulate/world.h"

namespace weft::simulate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Bell final : public Actor {
 public:
  void On(std::uint32_t, std::uint64_t item) override { rung.push_back(item); }
  std::vector<std::uint64_t> rung;
};

TEST(EventsTest, ComeInTheOrderOfTimeAndAtOneMomentInTheOrderOfAsking) {
  Events events(FromNanos(0));
  Bell bell;
  for (std::uint64_t i = 0; i < 1000; ++i)
    events.At(FromNanos(static_cast<std::int64_t>(i * 7919 % 97)), bell, 0, i);
  events.RunUntil(FromNanos(1000));
  ASSERT_EQ(bell.rung.size(), 1000u);
  for (std::size_t i = 1; i < bell.rung.size(); ++i) {
    const auto time = [&](std::size_t at) { return bell.rung[at] * 7919 % 97; };
    EXPECT_LE(time(i - 1), time(i));
    if (time(i - 1) == time(i)) {
      EXPECT_LT(bell.rung[i - 1], bell.rung[i]);
    }
  }
  EXPECT_EQ(events.now(), FromNanos(1000));
}

class Ledger final : public Answers {
 public:
  explicit Ledger(Events& events) : events_(events) {}
  void OnServed(std::uint64_t token, const Served& served) override {
    done[token] = events_.now() - FromNanos(0);
    status[token] = served.status;
  }
  std::map<std::uint64_t, Duration> done;
  std::map<std::uint64_t, std::uint16_t> status;

 private:
  Events& events_;
};

void ExpectAbout(Duration is, Duration should) {
  EXPECT_NEAR(static_cast<double>(is.count()), static_cast<double>(should.count()), 1000);
}

TEST(ServerTest, SharesItsCoresEvenlyAndGivesNobodyMoreThanOne) {
  Events events(FromNanos(0));
  Ledger ledger(events);
  Server server(events, ledger, {Model::Kind::kSharing, 2, 0, true});
  server.Arrive(1, milliseconds(10), 0);  // alone it would take 10 ms
  server.Arrive(2, milliseconds(10), 0);  // so would two
  server.Arrive(3, milliseconds(20), 0);
  server.Arrive(4, milliseconds(20), 0);  // four on two cores: half the speed
  events.RunUntil(FromNanos(1'000'000'000));
  ExpectAbout(ledger.done[1], milliseconds(20));
  ExpectAbout(ledger.done[2], milliseconds(20));
  ExpectAbout(ledger.done[3], milliseconds(30));
  ExpectAbout(ledger.done[4], milliseconds(30));
  EXPECT_EQ(server.in_flight(), 0u);
  EXPECT_NEAR(server.used(), 0.060, 1e-6);
}

TEST(ServerTest, WhatIsCancelledLeavesItsShareToTheOthers) {
  Events events(FromNanos(0));
  Ledger ledger(events);
  Server server(events, ledger, {Model::Kind::kSharing, 1, 0, true});
  server.Arrive(1, milliseconds(10), 0);
  const std::uint32_t second = server.Arrive(2, milliseconds(10), 0);
  events.RunUntil(FromNanos(10'000'000));
  server.Cancel(second);
  events.RunUntil(FromNanos(1'000'000'000));
  ExpectAbout(ledger.done[1], milliseconds(15));
  EXPECT_FALSE(ledger.done.contains(2));
}

TEST(ServerTest, LessCapacityTakesLongerFromThenOn) {
  Events events(FromNanos(0));
  Ledger ledger(events);
  Server server(events, ledger, {Model::Kind::kSharing, 1, 0, true});
  server.Arrive(1, milliseconds(10), 0);
  events.RunUntil(FromNanos(5'000'000));
  server.SetCapacity(0.5);
  events.RunUntil(FromNanos(1'000'000'000));
  ExpectAbout(ledger.done[1], milliseconds(15));
}

TEST(ServerTest, AQueueIsServedInOrderAndRefusesWhatDoesNotFit) {
  Events events(FromNanos(0));
  Ledger ledger(events);
  Server server(events, ledger, {Model::Kind::kQueue, 1, 1, true});
  for (std::uint64_t i = 1; i <= 3; ++i) server.Arrive(i, milliseconds(10), 0);
  events.RunUntil(FromNanos(1'000'000'000));
  ExpectAbout(ledger.done[1], milliseconds(10));
  ExpectAbout(ledger.done[2], milliseconds(20));
  ExpectAbout(ledger.done[3], milliseconds(0));
  EXPECT_EQ(ledger.status[3], 503);
}

struct Outcome {
  std::string text;
  Counts counts;
  std::uint64_t events = 0;
};

Outcome RunWorld(std::uint64_t seed, Fault fault) {
  World world({.seed = seed, .work = {Work::Shape::kExponential, milliseconds(4)}});
  const Cart cart = MakeCart(10, {});
  for (int i = 0; i < 10; ++i) world.AddServer({Model::Kind::kSharing, 2});
  for (std::uint32_t i = 0; i < 2; ++i) {
    world.AddClient(std::make_unique<Agent>(AgentSettings{.seed = seed + i, .client = i}, cart.snapshot,
                                            cart.servers, &world.tally(), world.now()));
  }
  world.SetRate(400);
  world.At(seconds(5), [&] { world.server(3).behaviour.fault = fault; });
  world.Run(seconds(15));
  return {world.tally().Text(), world.tally().counts(), world.events()};
}

TEST(WorldTest, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const Outcome first = RunWorld(1, Fault::kRefuse);
  EXPECT_EQ(first.text, RunWorld(1, Fault::kRefuse).text);
  EXPECT_NE(first.text, RunWorld(2, Fault::kRefuse).text);
  EXPECT_GT(first.events, 10000u);
}

TEST(WorldTest, NothingGetsLostAndARefusingInstanceIsHiddenByRetries) {
  const Outcome outcome = RunWorld(1, Fault::kRefuse);
  EXPECT_NEAR(static_cast<double>(outcome.counts.requests), 6000, 400);
  EXPECT_EQ(outcome.counts.requests, outcome.counts.good + outcome.counts.bad);
  EXPECT_EQ(outcome.counts.bad, 0u);
  EXPECT_GT(outcome.counts.rescued, 0u);
  EXPECT_NE(outcome.text.find("cart-3 healthy ejected consecutive"), std::string::npos);
}

TEST(WorldTest, AResetIsAnErrorThatRetriesHide) {
  const Outcome outcome = RunWorld(1, Fault::kReset);
  EXPECT_EQ(outcome.counts.bad, 0u);
  EXPECT_GT(outcome.counts.retries, 4u);
}

}  // namespace
}  // namespace weft::simulate
