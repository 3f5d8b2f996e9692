// What the policies of selection and the rate limits make of whole requests.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "common/snapshot/alone.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const TimePoint kDawn = FromNanos(1'000'000'000'000);

snapshot::SnapshotPtr SnapshotOf(const std::vector<std::string>& zones, const policy::ServicePolicy& policy) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->policy = policy;
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  for (std::size_t i = 0; i < zones.size(); ++i) {
    snapshot::Instance instance;
    instance.id = "cart-" + std::to_string(i);
    instance.hash = HashBytes(instance.id);
    instance.zone = zones[i];
    instance.address = {net::Ip::V4(127, 0, 0, 1), static_cast<std::uint16_t>(9000 + i)};
    endpoints->instances.push_back(instance);
  }
  return snapshot::Alone(bundle, endpoints);
}

message::RequestHead HeadOf(std::string_view target = "/") {
  message::RequestHead head;
  head.authority = "cart";
  head.target = target;
  return head;
}

struct Shop {
  explicit Shop(const policy::ServicePolicy& p, std::vector<std::string> z = std::vector<std::string>(8),
                std::uint64_t seed = 1)
      : shared(seed), policy(p), zones(std::move(z)) {
    Settings settings;
    settings.seed = seed;
    settings.zone = "eu/a";
    engine = std::make_unique<Engine>(settings, shared, nullptr);
    engine->Install(SnapshotOf(zones, policy), kDawn);
  }
  // One answered request; the instance's number.
  int Ask(const message::RequestHead& head, TimePoint now = kDawn, const Origin& origin = {}) {
    Call call;
    Reason why = Reason::kOk;
    EXPECT_EQ(engine->Start(call, origin, head, now).action, Action::kForward);
    Target* target = engine->Pick(call, now, why);
    AttemptResult result;
    result.outcome = Outcome::kResponse;
    result.status = 200;
    result.head_at = now;
    engine->Ended(call, result, now);
    engine->Finish(call, Reason::kOk, 200, now);
    return target == nullptr ? -1 : target->address.port - 9000;
  }
  void Eject(std::set<int> instances) {
    auto view = std::make_shared<ServiceView>();
    for (const int i : instances) {
      view->backends[{{"local", "default", "cart"}, 80}].push_back(
          {HashBytes("cart-" + std::to_string(i)), InstanceState::kEjected, kDawn + seconds(5), "outlier"});
    }
    engine->Install(ViewPtr(view), kDawn);
  }

  Shared shared;
  policy::ServicePolicy policy;
  std::vector<std::string> zones;
  std::unique_ptr<Engine> engine;
};

TEST(SelectionTest, RequestsOfOneKeyStayTogetherInEveryAgent) {
  for (const policy::Balancer balancer : {policy::Balancer::kRingHash, policy::Balancer::kMaglev}) {
    for (const std::string on : {"header", "cookie", "query", "source"}) {
      policy::ServicePolicy policy;
      policy.load_balancer.policy = balancer;
      if (on == "header") policy.load_balancer.hash_header = "x-user";
      if (on == "cookie") policy.load_balancer.hash_cookie = "sid";
      if (on == "query") policy.load_balancer.hash_query = "user";
      Shop one(policy, std::vector<std::string>(8), 1), other(policy, std::vector<std::string>(8), 2);
      std::set<int> used;
      for (std::uint8_t user = 0; user < 50; ++user) {
        const std::string name = "u" + std::to_string(user), cookie = "a=b; sid=" + name,
                          target = "/x?q=1&user=" + name;
        message::RequestHead head = HeadOf(target);
        head.fields.Add("X-User", name, message::FieldId::kOther);
        head.fields.Add(message::FieldId::kCookie, cookie);
        Origin origin;
        origin.peer = {net::Ip::V4(10, 0, 0, user), 1000};
        const int first = one.Ask(head, kDawn, origin);
        origin.peer.port = 2000;
        EXPECT_EQ(one.Ask(head, kDawn, origin), first) << on;
        EXPECT_EQ(other.Ask(head, kDawn, origin), first) << on;
        used.insert(first);
      }
      EXPECT_GE(used.size(), 7u) << on;
    }
  }
}

TEST(SelectionTest, ARequestWithoutTheKeyGoesAnywhere) {
  policy::ServicePolicy policy;
  policy.load_balancer.policy = policy::Balancer::kMaglev;
  policy.load_balancer.hash_header = "x-user";
  Shop fixture(policy);
  std::set<int> used;
  for (int i = 0; i < 200; ++i) used.insert(fixture.Ask(HeadOf()));
  EXPECT_EQ(used.size(), 8u);
}

TEST(SelectionTest, TheOwnZoneServesUntilTooFewOfItAreLeftThenItsRegionThenOthers) {
  policy::ServicePolicy policy;
  policy.load_balancer.prefer_zone = true;
  Shop fixture(policy, {"eu/a", "eu/a", "eu/b", "eu/b", "us/a", "us/a", "eu/a", "eu/a"});
  const auto shares = [&] {
    std::map<std::string, int> counts;
    for (int i = 0; i < 2000; ++i) ++counts[fixture.zones[static_cast<std::size_t>(fixture.Ask(HeadOf()))]];
    return counts;
  };
  EXPECT_EQ(shares()["eu/a"], 2000);
  fixture.Eject({0});
  EXPECT_EQ(shares()["eu/a"], 2000) << "three of four are enough";
  fixture.Eject({0, 1});
  std::map<std::string, int> half = shares();
  EXPECT_NEAR(half["eu/a"], 1400, 100);
  EXPECT_NEAR(half["eu/b"], 600, 100);
  fixture.Eject({0, 1, 6, 7});
  EXPECT_EQ(shares()["eu/b"], 2000);
}

TEST(SelectionTest, SlowStartSparesTheOneThatJoins) {
  policy::ServicePolicy policy;
  policy.load_balancer.policy = policy::Balancer::kRandom;
  policy.load_balancer.slow_start = seconds(30);
  Shop fixture(policy, std::vector<std::string>(3));
  const auto share_of = [&](int instance, TimePoint now) {
    int count = 0;
    for (int i = 0; i < 4000; ++i) count += fixture.Ask(HeadOf(), now) == instance;
    return count;
  };
  EXPECT_NEAR(share_of(0, kDawn), 1333, 150) << "all are new";
  fixture.engine->Install(SnapshotOf(std::vector<std::string>(4), policy), kDawn + seconds(60));
  // Kept with probability p, else picked once more: p/4 + (1-p)/4 * p/4 ... below a third of its share at
  // 0.1.
  EXPECT_LT(share_of(3, kDawn + seconds(60)), 400);
  EXPECT_NEAR(share_of(3, kDawn + seconds(75)), 650, 150);
  EXPECT_NEAR(share_of(3, kDawn + seconds(91)), 1000, 150);
}

TEST(SelectionTest, ASubsetIsTheAgentsOwnAndChangesByOne) {
  policy::ServicePolicy policy;
  policy.load_balancer.policy = policy::Balancer::kRandom;
  policy.load_balancer.subset = 4;
  const auto used = [&](std::uint64_t seed, std::size_t instances) {
    Shop fixture(policy, std::vector<std::string>(instances), seed);
    std::set<int> picked;
    for (int i = 0; i < 200; ++i) picked.insert(fixture.Ask(HeadOf()));
    return picked;
  };
  std::map<int, int> agents;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const std::set<int> before = used(seed, 10), after = used(seed, 11);
    EXPECT_EQ(before.size(), 4u);
    std::size_t same = 0;
    for (const int i : after) same += before.contains(i);
    EXPECT_GE(same, 3u);
    for (const int i : before) ++agents[i];
  }
  EXPECT_EQ(agents.size(), 10u) << "all instances are used by some agent";
}

TEST(SelectionTest, TheSeedsBestInstanceIsSampledNotOverrun) {
  policy::ServicePolicy policy;
  policy.load_balancer.policy = policy::Balancer::kBest;
  Shop fixture(policy, std::vector<std::string>(10));
  std::map<int, int> counts;
  for (int i = 0; i < 5000; ++i) ++counts[fixture.Ask(HeadOf())];
  for (const auto& [instance, count] : counts) EXPECT_LT(count, 1100) << instance;
}

TEST(RateLimitTest, TheCalleesAgentRefusesWhatIsTooMuchAndSaysWhenToComeAgain) {
  policy::ServicePolicy policy;
  policy.rate_limits.limits = {{"api", policy::RateKey::kAddress, "", "/api", 10, 20}};
  Shop fixture(policy);
  const BackendKey own{{"local", "default", "cart"}, 80};
  const auto ask = [&](std::uint8_t client, std::string_view path, TimePoint now) {
    Origin origin;
    origin.direction = Direction::kInbound;
    origin.fixed = &own;
    origin.peer = {net::Ip::V4(10, 0, 0, client), 1000};
    origin.application = {net::Ip::V4(127, 0, 0, 1), 8080};
    Call call;
    const Verdict verdict = fixture.engine->Start(call, origin, HeadOf(path), now);
    const Duration wait = call.retry_after;
    EXPECT_EQ(verdict.action == Action::kForward, call.quota.limit == 0);
    fixture.engine->Finish(call, verdict.reason, 200, now);
    return std::pair{verdict.reason, wait};
  };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(1, "/api/x", kDawn).first, Reason::kOk);
  EXPECT_EQ(ask(1, "/api/x", kDawn), (std::pair<Reason, Duration>{Reason::kRateLimited, milliseconds(100)}));
  EXPECT_EQ(ask(2, "/api/x", kDawn).first, Reason::kOk) << "another client";
  EXPECT_EQ(ask(1, "/other", kDawn).first, Reason::kOk) << "another path";
  EXPECT_EQ(ask(1, "/api/x", kDawn + milliseconds(100)).first, Reason::kOk);
  policy.rate_limits.limits.clear();
  fixture.engine->Install(SnapshotOf(fixture.zones, policy), kDawn);
  EXPECT_EQ(ask(1, "/api/x", kDawn + milliseconds(100)).first, Reason::kOk) << "no limit any more";
}

}  // namespace
}  // namespace weft::engine
