// A little world in virtual time: requests at a steady rate, instances that misbehave, one or more workers.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <queue>

#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "common/random/random.h"
#include "common/snapshot/alone.h"
#include "tests/support/effort.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kBegin = FromNanos(5'000'000'000'000);

enum class Fault { kNone, kRefuse, kReset, kHang, kBlackHole, kThirty500, kAll500, kAll404 };

class World {
 public:
  World(int instances, policy::ServicePolicy policy, std::uint64_t seed = 1)
      : shared_(seed), aggregator_(shared_, nullptr), faults_(static_cast<std::size_t>(instances)) {
    Settings settings;
    settings.seed = seed;
    engine_ = std::make_unique<Engine>(settings, shared_, nullptr);
    auto bundle = std::make_shared<policy::ServiceBundle>();
    bundle->key = {"local", "default", "cart"};
    bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
    bundle->policy = policy;
    auto endpoints = std::make_shared<snapshot::Endpoints>();
    for (int i = 0; i < instances; ++i) {
      snapshot::Instance instance;
      instance.id = "cart-" + std::to_string(i);
      instance.hash = HashBytes(instance.id);
      instance.address = {net::Ip::V4(127, 0, 0, 1), static_cast<std::uint16_t>(9000 + i)};
      endpoints->instances.push_back(instance);
    }
    const auto made = snapshot::Alone(bundle, endpoints);
    engine_->Install(made, now_);
    aggregator_.Install(made, now_);
    head_.authority = "cart";
    head_.target = "/";
  }

  void Break(std::size_t instance, Fault fault) { faults_[instance] = fault; }
  void BreakAll(Fault fault) { std::fill(faults_.begin(), faults_.end(), fault); }
  void Method(message::Method method) { head_.method = method; }

  // Runs `span` at `rate` requests per second.
  void Run(Duration span, int rate) {
    const TimePoint end = now_ + span;
    const Duration gap = Duration(1'000'000'000 / rate);
    while (now_ < end) {
      TimePoint next = std::min(next_tick_, next_request_);
      if (!events_.empty()) next = std::min(next, events_.top().at);
      now_ = next;
      if (now_ == next_tick_) {
        Tick();
      } else if (now_ == next_request_) {
        next_request_ = now_ + gap;
        Begin();
      } else {
        const Event event = events_.top();
        events_.pop();
        event.retry ? Attempt(event.call) : End(event.call);
      }
    }
  }

  TimePoint now() const { return now_; }
  breaker::State circuit() {
    return shared_.Backend({{"local", "default", "cart"}, 80})->circuit.Look().state;
  }
  Engine& engine() { return *engine_; }

  int good = 0, bad = 0, refused = 0;
  std::vector<TimePoint> attempts;
  std::map<std::string, TimePoint> ejected;    // first time
  std::map<std::string, TimePoint> first_bad;  // start of the first affected attempt
  std::map<std::string, int> picks;
  std::vector<HealthChange> changes;

 private:
  struct Event {
    TimePoint at;
    std::uint64_t order;
    std::shared_ptr<Call> call;
    bool retry;
    bool operator<(const Event& o) const { return std::tie(o.at, o.order) < std::tie(at, order); }
  };

  void Tick() {
    next_tick_ = now_ + milliseconds(100);
    if (ViewPtr view = aggregator_.Absorb(engine_->Tick(now_), now_)) engine_->Install(view, now_);
    for (const HealthChange& change : aggregator_.TakeChanges()) {
      changes.push_back(change);
      if (change.to == InstanceState::kEjected) ejected.emplace(change.instance, now_);
    }
  }
  void Begin() {
    auto call = std::make_shared<Call>();
    call->request_id = "r";
    const Verdict verdict = engine_->Start(*call, {}, head_, now_);
    if (verdict.action == Action::kForward) {
      Attempt(call);
      return;
    }
    ++refused;
    engine_->Finish(*call, verdict.reason, 503, now_);
  }
  void Attempt(const std::shared_ptr<Call>& call) {
    Reason why = Reason::kOk;
    Target* target = engine_->Pick(*call, now_, why);
    if (target == nullptr) {
      ++bad;
      engine_->Finish(*call, why, 503, now_);
      return;
    }
    attempts.push_back(now_);
    ++picks[target->instance->id];
    const Fault fault = faults_[target->address.port - 9000];
    if (fault != Fault::kNone) first_bad.emplace(target->instance->id, now_);
    const Duration took = fault == Fault::kHang        ? Duration(milliseconds(500))
                          : fault == Fault::kBlackHole ? Duration(milliseconds(200))
                          : fault == Fault::kRefuse    ? Duration(std::chrono::microseconds(100))
                                                    : Duration(milliseconds(4) + milliseconds(draws_++ % 4));
    events_.push({now_ + took, order_++, call, false});
  }
  void End(const std::shared_ptr<Call>& call) {
    const Fault fault = faults_[call->target->address.port - 9000];
    AttemptResult result;
    result.outcome = Outcome::kResponse;
    result.status = 200;
    switch (fault) {
      case Fault::kNone: break;
      case Fault::kRefuse:
        result.outcome = Outcome::kConnectFailed;
        result.never_sent = true;
        break;
      case Fault::kReset: result.outcome = Outcome::kReset; break;
      case Fault::kHang: result.outcome = Outcome::kAttemptTimeout; break;
      case Fault::kBlackHole:
        result.outcome = Outcome::kConnectTimeout;
        result.never_sent = true;
        break;
      case Fault::kThirty500: result.status = Mix(7, draws_++, Purpose::kTest, 0) % 10 < 3 ? 500 : 200; break;
      case Fault::kAll500: result.status = 500; break;
      case Fault::kAll404: result.status = 404; break;
    }
    const RetryVerdict verdict = engine_->Ended(*call, result, now_);
    if (verdict.retry) {
      events_.push({now_ + verdict.delay, order_++, call, true});
      return;
    }
    const bool ok = result.outcome == Outcome::kResponse && result.status < 500;
    ++(ok ? good : bad);
    engine_->Finish(*call, ok ? Reason::kOk : Reason::kUpstreamReset, ok ? 200 : 502, now_);
  }

  Shared shared_;
  Aggregator aggregator_;
  std::unique_ptr<Engine> engine_;
  std::vector<Fault> faults_;
  message::RequestHead head_;
  TimePoint now_ = kBegin, next_tick_ = kBegin, next_request_ = kBegin;
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0, draws_ = 0;
};

policy::ServicePolicy FaultPolicy() {
  policy::ServicePolicy policy;
  policy.timeouts.connect = milliseconds(200);
  policy.timeouts.attempt = milliseconds(500);
  policy.circuit_breaker.slow_response = milliseconds(250);
  policy.retry.on |= policy::kOn500;
  return policy;
}

constexpr std::uint64_t kSeeds = 1 + support::Steps(4);

TEST(EngineWorldTest, AnInstanceThatFailsHardIsEjectedWithinTwoSecondsAndClientsSeeNothing) {
  for (const Fault fault : {Fault::kRefuse, Fault::kReset, Fault::kHang, Fault::kBlackHole, Fault::kAll500}) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      World world(10, FaultPolicy(), seed);
      world.Run(seconds(5), 200);
      world.Break(3, fault);
      world.Run(seconds(5), 200);
      ASSERT_TRUE(world.ejected.contains("cart-3")) << static_cast<int>(fault) << " seed " << seed;
      EXPECT_LT(world.ejected["cart-3"] - world.first_bad["cart-3"], seconds(2)) << static_cast<int>(fault);
      EXPECT_LT(world.bad + world.refused, 10) << "1 % of 5 s";
      EXPECT_EQ(world.ejected.size(), 1u);
      world.bad = 0;
      world.Run(seconds(60), 200);
      EXPECT_EQ(world.bad, 0);
      EXPECT_EQ(world.circuit(), breaker::State::kClosed);
    }
  }
}

TEST(EngineWorldTest, AnInstanceThatAnswers500ThirtyPercentOfTheTimeIsEjectedWithinTenSeconds) {
  for (std::uint64_t seed = 1; seed <= support::Steps(std::uint64_t{40}); ++seed) {
    World world(10, FaultPolicy(), seed);
    world.Run(seconds(5), 200);
    world.Break(3, Fault::kThirty500);
    world.Run(seconds(12), 200);
    ASSERT_TRUE(world.ejected.contains("cart-3")) << "seed " << seed << ", " << world.picks["cart-3"]
                                                  << " picks, " << world.changes.size() << " changes";
    EXPECT_LT(world.ejected["cart-3"] - world.first_bad["cart-3"], seconds(10)) << "seed " << seed;
    EXPECT_EQ(world.ejected.size(), 1u);
  }
}

TEST(EngineWorldTest, AnEjectedInstanceComesBackOnEvidence) {
  World world(10, FaultPolicy());
  world.Break(3, Fault::kRefuse);
  world.Run(seconds(20), 200);
  ASSERT_TRUE(world.ejected.contains("cart-3"));
  for (const HealthChange& change : world.changes)
    EXPECT_NE(change.to, InstanceState::kHealthy) << "no evidence yet";
  world.Break(3, Fault::kNone);
  world.changes.clear();
  world.Run(seconds(60), 200);
  ASSERT_FALSE(world.changes.empty());
  EXPECT_EQ(world.changes.back().to, InstanceState::kHealthy);
  EXPECT_GT(world.picks["cart-3"], 200);
}

TEST(EngineWorldTest, WithTheBreakerOffAllFailingCostsAtMost121PercentAttempts) {
  for (const Fault fault : {Fault::kAll500, Fault::kRefuse, Fault::kReset}) {
    policy::ServicePolicy policy = FaultPolicy();
    policy.circuit_breaker.enabled = false;
    World world(10, policy);
    world.Run(seconds(12), 1000);
    const TimePoint broken = world.now();
    world.BreakAll(fault);
    world.Run(seconds(32), 1000);
    for (TimePoint from = broken; from < broken + seconds(20); from += milliseconds(500)) {
      const auto in = std::count_if(world.attempts.begin(), world.attempts.end(),
                                    [&](TimePoint t) { return t >= from && t < from + seconds(10); });
      EXPECT_GT(in, 11500);
      EXPECT_LE(in, 12100);
    }
  }
}

TEST(EngineWorldTest, WhenAllInstancesFailTheBreakerOpensWithinASecond) {
  for (const Fault fault : {Fault::kAll500, Fault::kRefuse, Fault::kReset}) {
    World world(10, FaultPolicy());
    world.Run(seconds(12), 1000);
    world.BreakAll(fault);
    world.Run(seconds(1), 1000);
    EXPECT_EQ(world.circuit(), breaker::State::kOpen) << static_cast<int>(fault);
    world.BreakAll(Fault::kNone);
    world.Run(seconds(70), 1000);
    EXPECT_EQ(world.circuit(), breaker::State::kClosed);
  }
}

TEST(EngineWorldTest, OneOfThreeFailingDoesNotOpenTheBreakerEvenForRequestsThatCannotBeRetried) {
  for (const Fault fault : {Fault::kAll500, Fault::kReset, Fault::kHang}) {
    World world(3, FaultPolicy());
    world.Method(message::Method::kPost);
    world.Run(seconds(5), 1000);
    world.Break(1, fault);
    for (int i = 0; i < 100; ++i) {
      world.Run(milliseconds(100), 1000);
      ASSERT_EQ(world.circuit(), breaker::State::kClosed) << static_cast<int>(fault) << " after " << i;
    }
  }
}

TEST(EngineWorldTest, AStormOf4xxOpensNothingAndEjectsNobody) {
  World world(10, FaultPolicy());
  world.BreakAll(Fault::kAll404);
  world.Run(seconds(10), 1000);
  EXPECT_EQ(world.circuit(), breaker::State::kClosed);
  EXPECT_TRUE(world.ejected.empty());
}

}  // namespace
}  // namespace weft::engine
