// An instance that comes back from an ejection is tried with one request at a time, and a bad one is the
// last.
#include <gtest/gtest.h>

#include "agent/engine/engine.h"
#include "agent/simulate/agent.h"

namespace weft::engine {
namespace {

const TimePoint kForenoon = FromNanos(1'000'000'000'000);

struct Probation {
  explicit Probation(std::uint16_t status) : answer(status) {
    const simulate::Cart cart = simulate::MakeCart(10, {});
    for (const auto& [hash, number] : *cart.servers) {
      if (number == 0) hurt = hash;
    }
    for (Engine& engine : engines) engine.Install(cart.snapshot, kForenoon);
    Say(InstanceState::kProbing);
  }
  void Say(InstanceState state) {
    auto view = std::make_shared<ServiceView>();
    view->epoch = ++epoch;
    view->backends[{{"local", "default", "cart"}, 80}] = {{hurt, state, {}, "consecutive"}};
    for (Engine& engine : engines) engine.Install(view, kForenoon);
  }
  // How many of so many requests to each of two workers reach the instance.
  int Reach(int requests) {
    int reached = 0;
    for (int i = 0; i < requests; ++i) {
      for (Engine& engine : engines) reached += Ask(engine);
    }
    return reached;
  }

  bool Ask(Engine& engine) {
    Call call;
    message::RequestHead head;
    head.authority = "cart";
    head.target = "/";
    Reason why = Reason::kOk;
    EXPECT_EQ(engine.Start(call, {}, head, kForenoon).action, Action::kForward);
    const bool mine = engine.Pick(call, kForenoon, why)->hash == hurt;
    AttemptResult result;
    result.outcome = Outcome::kResponse;
    result.status = mine ? answer : 200;
    result.head_at = kForenoon;
    const bool again = engine.Ended(call, result, kForenoon).retry;
    EXPECT_EQ(again, mine && answer == 500) << "500 is not listed, but it was our experiment";
    engine.Finish(call, Reason::kOk, result.status, kForenoon);
    return mine;
  }

  std::uint16_t answer;
  std::uint64_t hurt = 0, epoch = 0;
  Shared shared{1};
  Engine engines[2] = {{{}, shared, nullptr}, {{}, shared, nullptr}};
};

TEST(TrialTest, ABadOneIsTheLastOfAllWorkersUntilItIsJudged) {
  Probation probation(500);
  EXPECT_EQ(probation.Reach(50), 1);
  probation.Say(InstanceState::kEjected);
  EXPECT_EQ(probation.Reach(50), 0);
  probation.Say(InstanceState::kProbing);
  EXPECT_EQ(probation.Reach(50), 1);
}

TEST(TrialTest, GoodOnesGoOn) {
  Probation probation(200);
  EXPECT_EQ(probation.Reach(50), 100);
}

}  // namespace
}  // namespace weft::engine
