#include <gtest/gtest.h>

#include <memory>

#include "agent/engine/engine.h"
#include "agent/simulate/agent.h"

namespace weft::engine {
namespace {

const TimePoint kNoon = FromNanos(1'000'000'000'000);
const BackendKey kOwn{{"local", "default", "cart"}, 80};

message::RequestHead HeadFor(std::string_view target) {
  message::RequestHead head;
  head.authority = "cart";
  head.target = target;
  return head;
}

// Requests under way; each ends with the list.
class Requests {
 public:
  explicit Requests(Engine& engine) : engine_(engine) {}
  ~Requests() {
    while (!calls_.empty()) End();
  }
  Reason Begin(const Origin& origin, std::string_view target = "/") {
    auto call = std::make_unique<Call>();
    const Verdict verdict = engine_.Start(*call, origin, HeadFor(target), kNoon);
    if (verdict.action != Action::kForward) engine_.Finish(*call, verdict.reason, 503, kNoon);
    if (verdict.action == Action::kForward) calls_.push_back(std::move(call));
    return verdict.reason;
  }
  void End() {
    engine_.Finish(*calls_.back(), Reason::kOk, 200, kNoon);
    calls_.pop_back();
  }

 private:
  Engine& engine_;
  std::vector<std::unique_ptr<Call>> calls_;
};

Origin From(std::uint8_t address, const Caller* caller = nullptr) {
  Origin origin;
  origin.direction = Direction::kInbound;
  origin.fixed = &kOwn;
  origin.peer = {net::Ip::V4(10, 0, 0, address), 1000};
  origin.application = {net::Ip::V4(127, 0, 0, 1), 8080};
  origin.caller = caller;
  return origin;
}

TEST(BulkheadTest, OneCallerCannotTakeThePlacesOfTheOthers) {
  policy::ServicePolicy policy;
  policy.bulkheads.per_caller = 2;
  Shared shared(1);
  Engine engine({}, shared, nullptr), other({}, shared, nullptr);
  for (Engine* e : {&engine, &other}) e->Install(simulate::MakeCart(1, policy).snapshot, kNoon);
  const Caller* shop = engine.CallerOf("spiffe://mesh.local/ns/a/sa/shop", "a/shop");
  Requests requests(engine), elsewhere(other);
  EXPECT_EQ(requests.Begin(From(1, shop)), Reason::kOk);
  EXPECT_EQ(elsewhere.Begin(From(2, shop)), Reason::kOk) << "from another address, on another worker";
  EXPECT_EQ(requests.Begin(From(3, shop)), Reason::kBulkhead);
  EXPECT_EQ(requests.Begin(From(1)), Reason::kOk) << "no identity: its address counts";
  elsewhere.End();
  EXPECT_EQ(requests.Begin(From(3, shop)), Reason::kOk);
  EXPECT_EQ(requests.Begin(From(3, shop)), Reason::kBulkhead);
}

TEST(BulkheadTest, ARouteHasPlacesOfItsOwnOverAllWorkersAndConfigurations) {
  policy::ServicePolicy policy;
  policy.bulkheads.per_route = 2;
  const snapshot::SnapshotPtr plain = simulate::MakeCart(2, policy).snapshot;
  auto bundle = std::make_shared<policy::ServiceBundle>(*plain->services.begin()->second->bundle);
  policy::RouteRule rule;
  rule.name = "default/reports/0";
  rule.matches = {{{policy::MatchType::kPrefix, "/reports"}, {}, {}, ""}};
  rule.backends.emplace_back().backend = kOwn;
  bundle->routes = {{"default/reports", "default", 80, false, {}, 0, {rule}}};
  auto service = std::make_shared<snapshot::Service>(*plain->services.begin()->second);
  service->bundle = bundle;
  auto snapshot = std::make_shared<snapshot::Snapshot>(*plain);
  snapshot->services.begin()->second = service;
  Shared shared(1);
  Engine engine({}, shared, nullptr), other({}, shared, nullptr);
  for (Engine* e : {&engine, &other}) e->Install(snapshot, kNoon);
  Requests requests(engine), elsewhere(other);
  EXPECT_EQ(requests.Begin({}, "/reports/1"), Reason::kOk);
  EXPECT_EQ(elsewhere.Begin({}, "/reports/2"), Reason::kOk);
  EXPECT_EQ(requests.Begin({}, "/reports/3"), Reason::kBulkhead);
  EXPECT_EQ(requests.Begin({}, "/prices"), Reason::kNoRoute) << "no rule is about it";
  engine.Install(std::make_shared<snapshot::Snapshot>(*snapshot), kNoon);
  EXPECT_EQ(requests.Begin({}, "/reports/4"), Reason::kBulkhead) << "those under way still count";
  elsewhere.End();
  EXPECT_EQ(requests.Begin({}, "/reports/5"), Reason::kOk);
}

TEST(BulkheadTest, RequestsThatNoRuleTookCountAsOneRoute) {
  policy::ServicePolicy policy;
  policy.bulkheads.per_route = 1;
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(simulate::MakeCart(2, policy).snapshot, kNoon);
  Requests requests(engine);
  EXPECT_EQ(requests.Begin({}, "/a"), Reason::kOk);
  EXPECT_EQ(requests.Begin({}, "/b"), Reason::kBulkhead);
  requests.End();
  EXPECT_EQ(requests.Begin({}, "/b"), Reason::kOk);
}

TEST(BulkheadTest, ARateLimitPerCallerKnowsTheIdentityBeforeTheAddress) {
  policy::ServicePolicy policy;
  policy.rate_limits.limits = {{"each", policy::RateKey::kCaller, "", "", 0.001, 1}};
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(simulate::MakeCart(1, policy).snapshot, kNoon);
  const Caller* shop = engine.CallerOf("spiffe://mesh.local/ns/a/sa/shop", "a/shop");
  const Caller* desk = engine.CallerOf("spiffe://mesh.local/ns/a/sa/desk", "a/desk");
  Requests requests(engine);
  EXPECT_EQ(requests.Begin(From(1, shop)), Reason::kOk);
  EXPECT_EQ(requests.Begin(From(2, shop)), Reason::kRateLimited);
  EXPECT_EQ(requests.Begin(From(1, desk)), Reason::kOk);
  EXPECT_EQ(requests.Begin(From(1)), Reason::kOk);
  EXPECT_EQ(requests.Begin(From(1)), Reason::kRateLimited);
}

}  // namespace
}  // namespace weft::engine
