// Instances that refuse connections are passed over, whatever the budget of ejections says.
#include <gtest/gtest.h>

#include <set>

#include "agent/engine/engine.h"
#include "agent/simulate/agent.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;
const TimePoint kDusk = FromNanos(1'000'000'000'000);

// Ten instances, of which those listed refuse.
struct Street {
  explicit Street(std::set<std::uint32_t> closed_shops) : closed(std::move(closed_shops)) {
    policy::ServicePolicy policy;
    policy.outlier_detection.enabled = false;
    const simulate::Cart cart = simulate::MakeCart(10, policy);
    servers = cart.servers;
    engine.Install(cart.snapshot, kDusk);
  }
  // The attempts that a request took, and whether it succeeded.
  std::pair<std::uint32_t, bool> Ask() {
    Call call;
    message::RequestHead head;
    head.authority = "cart";
    head.target = "/";
    Reason why = Reason::kOk;
    bool good = false, again = engine.Start(call, {}, head, now).action == Action::kForward;
    while (again) {
      const Target* target = engine.Pick(call, now, why);
      if (target == nullptr) break;
      AttemptResult result;
      good = !closed.contains(servers->at(target->hash));
      result.outcome = good ? Outcome::kResponse : Outcome::kConnectFailed;
      result.status = good ? 200 : 0;
      result.never_sent = !good;
      if (good) result.head_at = now;
      again = engine.Ended(call, result, now).retry;
    }
    const std::uint32_t attempts = call.attempts;
    engine.Finish(call, good ? Reason::kOk : Reason::kConnectFailed, good ? 200 : 502, now);
    return {attempts, good};
  }
  void Pass(Duration span) {
    for (const TimePoint until = now + span; now < until; now += milliseconds(100)) engine.Tick(now);
  }

  std::set<std::uint32_t> closed;
  std::shared_ptr<const std::unordered_map<std::uint64_t, std::uint32_t>> servers;
  Shared shared{1};
  Engine engine{{}, shared, nullptr};
  TimePoint now = kDusk;
};

TEST(RefusedTest, OnceEachHasRefusedNobodyIsSentThereForASecond) {
  Street street({0, 1, 2, 3, 4, 5, 6});
  for (int i = 0; i < 60; ++i) street.Ask();
  std::uint32_t attempts = 0, good = 0;
  for (int i = 0; i < 100; ++i) {
    const auto [took, succeeded] = street.Ask();
    attempts += took;
    good += succeeded;
  }
  EXPECT_EQ(good, 100u);
  EXPECT_LE(attempts, 110u) << "but for those who confirm a suspicion";
}

TEST(RefusedTest, AfterASecondTheyAreAskedAgainAndTakenBackWhenTheyAnswer) {
  Street street({0, 1, 2});
  for (int i = 0; i < 60; ++i) street.Ask();
  street.closed.clear();
  street.Pass(milliseconds(1200));
  std::set<std::uint64_t> asked;
  for (int i = 0; i < 500; ++i) {
    Call call;
    message::RequestHead head;
    head.authority = "cart";
    head.target = "/";
    Reason why = Reason::kOk;
    street.engine.Start(call, {}, head, street.now);
    asked.insert(street.engine.Pick(call, street.now, why)->hash);
    street.engine.Finish(call, Reason::kClientClosed, 0, street.now);
  }
  EXPECT_EQ(asked.size(), 10u);
}

TEST(RefusedTest, WhenAllRefuseAllAreAsked) {
  Street street({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (int i = 0; i < 20; ++i) {
    const auto [attempts, good] = street.Ask();
    EXPECT_GE(attempts, 1u);
    EXPECT_FALSE(good);
    if (street.engine.backends()[0]->shared->circuit.Look().state != breaker::State::kClosed) break;
  }
}

}  // namespace
}  // namespace weft::engine
