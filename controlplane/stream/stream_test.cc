#include <gtest/gtest.h>

#include "common/snapshot/builder.h"
#include "common/wire/wire.h"
#include "controlplane/stream/endpoint_book.h"
#include "controlplane/stream/hub.h"
#include "controlplane/stream/metrics.h"
#include "controlplane/stream/publisher.h"

namespace weft::stream {
namespace {

constexpr TimePoint kStart = TimePoint(std::chrono::seconds(100));
using std::chrono::milliseconds;

ServiceKey Key(std::string name) { return {"local", "default", std::move(name)}; }

policy::ServiceBundle Bundle(const std::string& name, std::uint32_t attempts = 2,
                             const std::string& backend = {}) {
  policy::ServiceBundle bundle;
  bundle.key = Key(name);
  bundle.ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle.policy.retry.attempts = attempts;
  if (!backend.empty()) {
    policy::RouteRule rule;
    rule.name = "default/" + name + "/0";
    rule.matches = {{}};
    rule.backends.resize(1);
    rule.backends[0].backend = {Key(backend), 80};
    bundle.routes.push_back({.name = "default/" + name, .ns = "default", .hostnames = {}, .rules = {rule}});
  }
  return bundle;
}

ReleasePtr MakeTestRelease(std::uint64_t revision, std::vector<policy::ServiceBundle> bundles,
                           const ReleasePtr& previous = nullptr) {
  compile::Output output;
  for (policy::ServiceBundle& bundle : bundles) output.bundles.emplace(bundle.key, std::move(bundle));
  return MakeRelease(output, {"store", 1, revision}, previous);
}

snapshot::EndpointsPtr MakeEndpoints(const std::string& name, std::uint64_t version,
                                     const std::vector<std::string>& ids) {
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = Key(name);
  endpoints->version = version;
  for (const std::string& id : ids) {
    snapshot::Instance instance;
    instance.id = id;
    instance.address = {net::Ip::V4(127, 0, 0, 1), 8080};
    endpoints->instances.push_back(std::move(instance));
  }
  return endpoints;
}

v1::Hello HelloOf(const std::string& id, const std::vector<std::string>& subscribed = {}) {
  v1::Hello hello;
  hello.set_node_id(id);
  hello.set_namespace_("default");
  for (const std::string& name : subscribed) *hello.add_held()->mutable_service() = wire::ToProto(Key(name));
  return hello;
}

v1::Subscribe SubscribeTo(const std::string& name) {
  v1::Subscribe message;
  *message.add_services() = wire::ToProto(Key(name));
  return message;
}

// A session with a real snapshot builder at its other end.
struct Agent {
  explicit Agent(const v1::Hello& hello) : session(*Session::Open(hello, "127.0.0.1:1", kStart, 0)) {}

  // Takes every message that is there; returns how many.
  int Settle(const World& world, TimePoint now = kStart) {
    int taken = 0;
    for (auto message = session.Next(world, now); message; message = session.Next(world, now)) {
      ++taken;
      if (message->has_command()) continue;
      last = message->delta();
      Apply(now);
    }
    return taken;
  }

  void Apply(TimePoint now) {
    const snapshot::Outcome outcome = builder.Apply(*wire::FromProto(last));
    v1::Ack ack;
    ack.set_sequence(last.sequence());
    if (builder.effective()) *ack.mutable_effective() = wire::ToProto(*builder.effective());
    for (const snapshot::Accepted& accepted : outcome.accepted) {
      v1::BundleAck& entry = *ack.add_accepted();
      *entry.mutable_service() = wire::ToProto(accepted.service);
      entry.set_hash(accepted.hash);
    }
    for (const snapshot::Refusal& refusal : outcome.rejected) *ack.add_rejected() = wire::ToProto(refusal);
    if (outcome.refused) ack.set_refused(outcome.refused->Text());
    ack.set_awaiting_confirmation(outcome.awaiting);
    session.OnAck(ack, now);
  }

  bool Has(const std::string& name) const {
    return builder.snapshot() != nullptr && builder.snapshot()->Find(Key(name)) != nullptr;
  }

  Session session;
  std::set<ServiceKey> in_use;
  snapshot::Builder builder{[this] { return in_use; }};
  v1::Delta last;
};

World WorldOf(ReleasePtr release, const std::vector<snapshot::EndpointsPtr>& endpoints = {}) {
  World world;
  world.release = std::move(release);
  for (const auto& list : endpoints) world.endpoints[list->service] = list;
  return world;
}

TEST(SessionTest, AgentGetsWhatItSubscribedToAndNothingElse) {
  const World world =
      WorldOf(MakeTestRelease(1, {Bundle("cart"), Bundle("web")}), {MakeEndpoints("cart", 1, {"cart-1"})});
  Agent agent(HelloOf("a", {"cart"}));
  EXPECT_EQ(agent.Settle(world), 1);
  EXPECT_TRUE(agent.Has("cart"));
  EXPECT_FALSE(agent.Has("web"));
  EXPECT_EQ(agent.builder.snapshot()->Find(Key("cart"))->endpoints->instances.size(), 1U);
  EXPECT_EQ(agent.Settle(world), 0) << "up to date";
}

TEST(SessionTest, ServicesThatRoutesReferToComeAlong) {
  const World world =
      WorldOf(MakeTestRelease(1, {Bundle("web", 2, "cart"), Bundle("cart", 2, "prices"), Bundle("prices")}));
  Agent agent(HelloOf("a"));
  agent.Settle(world);
  ASSERT_TRUE(agent.session.Subscribe(SubscribeTo("web")));
  EXPECT_EQ(agent.Settle(world), 1);
  EXPECT_TRUE(agent.Has("web") && agent.Has("cart") && agent.Has("prices"));
  EXPECT_EQ(agent.session.Describe().partial(), false);
}

TEST(SessionTest, AServiceNoLongerReferredToIsRemoved) {
  World world = WorldOf(MakeTestRelease(1, {Bundle("web", 2, "cart"), Bundle("cart")}));
  Agent agent(HelloOf("a", {"web"}));
  agent.Settle(world);
  world.release = MakeTestRelease(2, {Bundle("web"), Bundle("cart")}, world.release);
  agent.Settle(world);
  EXPECT_TRUE(agent.Has("web"));
  EXPECT_FALSE(agent.Has("cart"));
}

TEST(SessionTest, ResumeByHashSendsOnlyWhatDiffers) {
  World world =
      WorldOf(MakeTestRelease(1, {Bundle("cart"), Bundle("web")}), {MakeEndpoints("cart", 3, {"cart-1"})});
  v1::Hello hello = HelloOf("a", {"cart", "web"});
  hello.mutable_held(0)->set_bundle_hash(world.release->bundles.at(Key("cart"))->hash);
  hello.mutable_held(0)->set_endpoints_store_id("store");
  hello.mutable_held(0)->set_endpoints_epoch(1);
  hello.mutable_held(0)->set_endpoints_version(3);
  hello.mutable_held(1)->set_bundle_hash("older");
  Agent agent(hello);
  const auto message = agent.session.Next(world, kStart);
  ASSERT_TRUE(message);
  const v1::Delta& delta = message->delta();
  EXPECT_TRUE(delta.full());
  ASSERT_EQ(delta.unchanged_size(), 1);
  EXPECT_EQ(delta.unchanged(0).name(), "cart");
  ASSERT_EQ(delta.bundles_size(), 1);
  EXPECT_EQ(delta.bundles(0).service().name(), "web");
  EXPECT_EQ(delta.endpoints_size(), 0);
}

TEST(SessionTest, UnknownServicesAreAnsweredAndPushedWhenTheyAppear) {
  World world = WorldOf(MakeTestRelease(1, {}));
  Agent agent(HelloOf("a"));
  agent.Settle(world);
  ASSERT_TRUE(agent.session.Subscribe(SubscribeTo("late")));
  EXPECT_EQ(agent.Settle(world), 1);
  ASSERT_EQ(agent.last.unknown_size(), 1);
  EXPECT_EQ(agent.Settle(world), 0) << "answered once";
  ASSERT_TRUE(agent.session.Subscribe(SubscribeTo("late")));
  EXPECT_EQ(agent.Settle(world), 1) << "asked again, answered again";
  world.release = MakeTestRelease(2, {Bundle("late")}, world.release);
  agent.Settle(world);
  EXPECT_TRUE(agent.Has("late"));
}

TEST(SessionTest, ARefusedBundleIsReportedAndNotOfferedAgainUntilItChanges) {
  World world = WorldOf(MakeTestRelease(1, {Bundle("cart"), Bundle("web")}));
  Agent agent(HelloOf("a", {"cart", "web"}));
  agent.Settle(world);
  policy::ServiceBundle wrong = Bundle("cart");
  wrong.ports[0].port = 0;
  world.release = MakeTestRelease(2, {wrong, Bundle("web", 5)}, world.release);
  EXPECT_EQ(agent.Settle(world), 1);
  const v1::AgentConfig config = agent.session.DescribeConfig();
  EXPECT_TRUE(config.agent().partial());
  EXPECT_EQ(config.agent().last_nack().service().name(), "cart");
  EXPECT_EQ(config.agent().last_nack().field(), "ports[0].port");
  EXPECT_EQ(config.rejected_size(), 1);
  EXPECT_EQ(config.agent().effective().revision(), 1U);
  EXPECT_EQ(agent.builder.snapshot()->Find(Key("web"))->bundle->policy.retry.attempts, 5U)
      << "the good one is in force";
  EXPECT_EQ(agent.Settle(world), 0);
  world.release = MakeTestRelease(3, {Bundle("cart", 7), Bundle("web", 5)}, world.release);
  agent.Settle(world);
  EXPECT_FALSE(agent.session.Describe().partial());
  EXPECT_EQ(agent.session.Describe().effective().revision(), 3U);
}

TEST(SessionTest, ADeltaRefusedWholeIsNotOfferedAgainButTheNextReleaseIs) {
  World world = WorldOf(MakeTestRelease(1, {Bundle("cart")}));
  Agent agent(HelloOf("a", {"cart"}));
  agent.Settle(world);
  world.release = MakeTestRelease(2, {Bundle("cart", 9)}, world.release);
  const auto message = agent.session.Next(world, kStart);
  ASSERT_TRUE(message);
  v1::Ack ack;
  ack.set_sequence(message->delta().sequence());
  ack.set_refused("names an undefined backend");
  EXPECT_EQ(agent.session.OnAck(ack, kStart).rejects, 1U);
  EXPECT_FALSE(agent.session.Next(world, kStart));
  EXPECT_TRUE(agent.session.Describe().partial());
  world.endpoints[Key("cart")] = MakeEndpoints("cart", 2, {"cart-2"});
  const auto endpoints = agent.session.Next(world, kStart);
  ASSERT_TRUE(endpoints) << "removals still pass";
  EXPECT_EQ(endpoints->delta().bundles_size(), 0);
  world.release = MakeTestRelease(3, {Bundle("cart", 9)}, world.release);
  const auto next = agent.session.Next(world, kStart);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->delta().bundles_size(), 1) << "the agent still holds the bundle of revision 1";
}

TEST(SessionTest, OneRevisionThatTouchesNothingOfTheAgentStillMovesItsTarget) {
  World world = WorldOf(MakeTestRelease(1, {Bundle("cart")}));
  Agent agent(HelloOf("a", {"cart"}));
  agent.Settle(world);
  world.release = MakeTestRelease(2, {Bundle("cart"), Bundle("web")}, world.release);
  EXPECT_EQ(agent.Settle(world), 1);
  EXPECT_EQ(agent.last.bundles_size(), 0);
  EXPECT_EQ(agent.session.Describe().effective().revision(), 2U);
}

TEST(SessionTest, ASlowAgentHoldsAtMostSixteenDeltasAndIsStalledAfterThirtySeconds) {
  World world = WorldOf(MakeTestRelease(1, {Bundle("cart")}));
  Agent agent(HelloOf("a", {"cart"}));
  std::size_t sent = 0;
  for (std::uint64_t revision = 2; revision < 100; ++revision) {
    sent += agent.session.Next(world, kStart).has_value() ? 1 : 0;
    world.release =
        MakeTestRelease(revision, {Bundle("cart", static_cast<std::uint32_t>(revision))}, world.release);
  }
  EXPECT_EQ(sent, kMaxUnacked);
  EXPECT_FALSE(agent.session.Stalled(kStart + std::chrono::seconds(29)));
  EXPECT_TRUE(agent.session.Stalled(kStart + kAckPatience));
}

TEST(SessionTest, CommandsGoBeforeConfigurationAndAWaitingAgentGetsOnlyThose) {
  const World world = WorldOf(MakeTestRelease(1, {Bundle("cart")}));
  v1::Hello hello = HelloOf("a", {"cart"});
  Agent agent(hello);
  const auto full = agent.session.Next(world, kStart);
  ASSERT_TRUE(full);
  v1::Ack ack;
  ack.set_sequence(full->delta().sequence());
  ack.set_awaiting_confirmation(true);
  agent.session.OnAck(ack, kStart);
  ASSERT_TRUE(agent.session.Subscribe(SubscribeTo("web")));
  EXPECT_FALSE(agent.session.Next(world, kStart));
  agent.session.AcceptResync();
  const auto command = agent.session.Next(world, kStart);
  ASSERT_TRUE(command);
  EXPECT_TRUE(command->command().has_accept_resync());
  ack.set_awaiting_confirmation(false);
  agent.session.OnAck(ack, kStart);
  EXPECT_TRUE(agent.session.Next(world, kStart));
}

TEST(SessionTest, AnAgentThatWaitsForConfirmationGetsTheNextReleaseWholeAndJudgesItAnew) {
  Agent agent(HelloOf("a", {"cart", "web"}));
  agent.in_use = {Key("cart"), Key("web")};
  agent.Settle(WorldOf(MakeTestRelease(7, {Bundle("cart"), Bundle("web")})));
  agent.session = *Session::Open(HelloOf("a", {"cart", "web"}), "127.0.0.1:1", kStart, 0);
  const auto in_new_store = [](std::uint64_t revision, std::vector<policy::ServiceBundle> bundles) {
    compile::Output output;
    for (policy::ServiceBundle& bundle : bundles) output.bundles.emplace(bundle.key, std::move(bundle));
    return WorldOf(MakeRelease(output, {"new", 1, revision}, nullptr));
  };
  agent.Settle(in_new_store(0, {}));
  EXPECT_TRUE(agent.session.Describe().awaiting_confirmation());
  agent.Settle(in_new_store(1, {}));
  EXPECT_TRUE(agent.session.Describe().awaiting_confirmation());
  EXPECT_EQ(agent.Settle(in_new_store(1, {})), 0) << "the same one is not offered twice";
  agent.Settle(in_new_store(2, {Bundle("cart"), Bundle("web")}));
  EXPECT_FALSE(agent.session.Describe().awaiting_confirmation());
  EXPECT_EQ(agent.builder.parts().version.ToString(), "new/1/2");
  EXPECT_TRUE(agent.Has("cart") && agent.Has("web"));
}

TEST(SessionTest, LargeDeltasAreCutBetweenSubscriptions) {
  std::vector<policy::ServiceBundle> bundles;
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) {
    names.push_back("s" + std::to_string(i));
    bundles.push_back(Bundle(names.back()));
    bundles.back().sources.assign(1000, {"timeouts.request", std::string(1000, 'x')});
  }
  const World world = WorldOf(MakeTestRelease(1, std::move(bundles)));
  Agent agent(HelloOf("a", names));
  EXPECT_EQ(agent.Settle(world), 2);
  for (const std::string& name : names) EXPECT_TRUE(agent.Has(name)) << name;
}

TEST(SessionTest, AHelloWithoutNameOrNamespaceIsRefusedWithItsField) {
  EXPECT_EQ(Session::Open(v1::Hello(), "", kStart, 0).error().field, "hello.node_id");
  v1::Hello hello;
  hello.set_node_id("a");
  EXPECT_EQ(Session::Open(hello, "", kStart, 0).error().field, "hello.namespace");
}

TEST(LanesTest, AFirstChangeIsVisibleAtOnceAndTheNextOnesTogether) {
  Lanes lanes;
  EXPECT_TRUE(lanes.OfferRelease(MakeTestRelease(1, {}), kStart));
  EXPECT_FALSE(lanes.OfferRelease(MakeTestRelease(2, {}), kStart + milliseconds(10)));
  EXPECT_FALSE(lanes.OfferRelease(MakeTestRelease(3, {}), kStart + milliseconds(20)));
  EXPECT_EQ(lanes.world().release->version.revision, 1U);
  EXPECT_EQ(*lanes.due(), kStart + milliseconds(50));
  EXPECT_FALSE(lanes.Flush(kStart + milliseconds(49)));
  EXPECT_TRUE(lanes.Flush(kStart + milliseconds(50)));
  EXPECT_EQ(lanes.world().release->version.revision, 3U);
  EXPECT_FALSE(lanes.due());
}

TEST(LanesTest, NothingWaitsWhenAllIsFlushed) {
  Lanes lanes;
  lanes.OfferRelease(MakeTestRelease(1, {}), kStart);
  EXPECT_FALSE(lanes.OfferRelease(MakeTestRelease(2, {}), kStart));
  lanes.FlushAll(kStart);
  EXPECT_EQ(lanes.world().release->version.revision, 2U);
  EXPECT_FALSE(lanes.due());
}

TEST(LanesTest, RemovalsOvertakeEverything) {
  Lanes lanes;
  lanes.OfferEndpoints(MakeEndpoints("cart", 1, {"a", "b"}), kStart);
  EXPECT_FALSE(lanes.OfferRelease(MakeTestRelease(2, {}), kStart + milliseconds(1)));
  EXPECT_FALSE(lanes.OfferEndpoints(MakeEndpoints("cart", 2, {"a", "b", "c"}), kStart + milliseconds(2)))
      << "an addition waits";
  EXPECT_TRUE(lanes.OfferEndpoints(MakeEndpoints("cart", 3, {"a", "c"}), kStart + milliseconds(3)));
  EXPECT_EQ(lanes.world().endpoints.at(Key("cart"))->version, 3U);
  EXPECT_EQ(lanes.world().release->version.revision, 0U) << "configuration still waits";
  lanes.Flush(kStart + milliseconds(50));
  EXPECT_EQ(lanes.world().endpoints.at(Key("cart"))->version, 3U)
      << "the overtaken version does not come back";
}

TEST(EndpointBookTest, AVersionGrowsWithEachChangeAndNeverWithAHeartbeat) {
  EndpointBook book;
  std::vector<snapshot::Instance> two = MakeEndpoints("cart", 0, {"a", "b"})->instances;
  EXPECT_EQ(book.SetRegistered(Key("cart"), two)->version, 1U);
  EXPECT_EQ(book.SetRegistered(Key("cart"), two), nullptr);
  two[0].draining = true;
  EXPECT_EQ(book.SetRegistered(Key("cart"), two)->version, 2U);
  std::map<ServiceKey, snapshot::Endpoints> fixed;
  fixed[Key("cart")] = *MakeEndpoints("cart", 0, {"b", "c"});
  const auto changed = book.SetStatic(fixed);
  ASSERT_EQ(changed.size(), 1U);
  EXPECT_EQ(changed[0]->instances.size(), 3U);
  EXPECT_EQ(book.SetStatic({})[0]->version, 4U);
}

struct FakeOutlet : Outlet {
  void Kick() override { ++kicks; }
  void Close(const Error& error) override { closed = error.Text(); }
  int kicks = 0;
  std::string closed;
};

TEST(HubTest, AgentsThatComeRefuseAndGoAreEvents) {
  events::Book book;
  Hub hub([] { return kStart; }, &book);
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", std::make_shared<FakeOutlet>());
  ASSERT_TRUE(ticket);
  v1::AgentMessage ack;
  v1::BundleNack& nack = *ack.mutable_ack()->add_rejected();
  *nack.mutable_service() = wire::ToProto(ServiceKey{"local", "default", "cart"});
  nack.set_field("ports[0].port");
  nack.set_detail("must be 1 to 65535");
  ack.mutable_ack()->set_refused("the update is older than what it has");
  ASSERT_TRUE(hub.OnMessage(*ticket, ack));
  hub.Close(*ticket);
  std::string told;
  for (const events::Event& event : book.After(0)) {
    EXPECT_EQ(event.object, (events::Object{"Agent", "default", "a"}));
    told += std::string(event.reason) + (event.warning ? "! " : " ") + event.message + "\n";
  }
  EXPECT_EQ(told,
            "AgentConnected version , from 127.0.0.1:1\n"
            "BundleRejected! default/cart: ports[0].port: must be 1 to 65535; it goes on with what it had\n"
            "ConfigurationRefused! the update is older than what it has\n"
            "AgentDisconnected its stream ended\n");
}

TEST(HubTest, ConvergenceIsMeasuredFromReleaseToAcknowledgement) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto outlet = std::make_shared<FakeOutlet>();
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", outlet);
  ASSERT_TRUE(ticket);
  hub.SetRelease(MakeTestRelease(1, {Bundle("cart")}));
  EXPECT_EQ(outlet->kicks, 1);
  const auto message = hub.Next(*ticket);
  ASSERT_TRUE(message);
  now += milliseconds(20);
  v1::AgentMessage ack;
  ack.mutable_ack()->set_sequence(message->delta().sequence());
  *ack.mutable_ack()->mutable_effective() = message->delta().version();
  ASSERT_TRUE(hub.OnMessage(*ticket, ack));
  const Metrics metrics = hub.metrics();
  EXPECT_EQ(metrics.agents, 1U);
  EXPECT_EQ(metrics.pushes, 1U);
  EXPECT_GT(metrics.push_bytes, 0U);
  EXPECT_EQ(metrics.convergence[1], 1U) << "20 ms is above 10 and at most 25";
}

TEST(HubTest, WhatWasReleasedBeforeTheStartIsThereForTheFirstAgent) {
  Hub hub([] { return kStart; });
  hub.SetRelease(MakeTestRelease(1, {}));
  hub.SetRelease(MakeTestRelease(2, {Bundle("cart")}));
  hub.Start();
  const auto ticket = hub.Open(HelloOf("a", {"cart"}), "127.0.0.1:1", std::make_shared<FakeOutlet>());
  const auto message = hub.Next(*ticket);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->delta().bundles_size(), 1);
  EXPECT_EQ(message->delta().unknown_size(), 0);
}

TEST(HubTest, ANewerStreamOfANodeEndsTheOlderOne) {
  Hub hub([] { return kStart; });
  const auto first = std::make_shared<FakeOutlet>(), second = std::make_shared<FakeOutlet>();
  const std::uint64_t old_ticket = *hub.Open(HelloOf("a"), "127.0.0.1:1", first);
  ASSERT_TRUE(hub.Open(HelloOf("a"), "127.0.0.1:2", second));
  EXPECT_NE(first->closed.find("node.id"), std::string::npos);
  hub.Close(old_ticket);
  EXPECT_EQ(hub.Agents("").size(), 1U) << "the late end of the old stream takes nothing of the new one";
  EXPECT_EQ(hub.Agents("").front().peer(), "127.0.0.1:2");
}

TEST(HubTest, OneStalledAgentLosesItsStreamAndNobodyElse) {
  TimePoint now = kStart;
  Hub hub([&] { return now; });
  const auto slow = std::make_shared<FakeOutlet>(), idle = std::make_shared<FakeOutlet>();
  const std::uint64_t ticket = *hub.Open(HelloOf("slow"), "p", slow);
  ASSERT_TRUE(hub.Open(HelloOf("idle"), "p", idle));
  hub.SetRelease(MakeTestRelease(1, {}));
  ASSERT_TRUE(hub.Next(ticket));
  now += kAckPatience;
  hub.Tick();
  EXPECT_FALSE(slow->closed.empty());
  EXPECT_TRUE(idle->closed.empty());
}

TEST(HubTest, CommandsReachConnectedAgentsAndOthersAreNamed) {
  Hub hub([] { return kStart; });
  const auto outlet = std::make_shared<FakeOutlet>();
  const std::uint64_t ticket = *hub.Open(HelloOf("a"), "p", outlet);
  EXPECT_EQ(hub.Drain("b", 0).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(hub.Drain("a", 5000));
  EXPECT_EQ(hub.Next(ticket)->command().drain().deadline_ns(), 5'000'000'000);
  EXPECT_TRUE(hub.Agents("default").front().draining());
  EXPECT_EQ(*hub.Accept(""), 0U) << "nobody waits";
}

TEST(PublisherTest, ReleasedBundlesAndMergedEndpointsReachTheAgent) {
  Hub hub([] { return kStart; });
  Publisher publisher(hub);
  compile::Output compiled;
  compiled.bundles[Key("cart")] = Bundle("cart");
  compiled.endpoints[Key("cart")] = *MakeEndpoints("cart", 0, {"fixed"});
  publisher.SetRegistered(Key("cart"), MakeEndpoints("cart", 0, {"registered"})->instances);
  publisher.Publish(compiled, {"store", 1, 1});
  EXPECT_EQ(publisher.Find(Key("cart"))->instances.size(), 2U);
  EXPECT_EQ(publisher.Services().size(), 1U);
  EXPECT_EQ(hub.release()->version.revision, 1U);
  publisher.SetRegistered(Key("cart"), {});
  EXPECT_EQ(publisher.Find(Key("cart"))->instances.size(), 1U);
  EXPECT_EQ(publisher.Find(Key("cart"))->version, 3U);
}

TEST(MetricsTest, TheHubsValuesAreExposedUnderTheirNames) {
  Hub hub([] { return kStart; });
  metrics::Registry registry;
  Expose(hub, registry);
  ASSERT_TRUE(hub.Open(HelloOf("a"), "p", std::make_shared<FakeOutlet>()));
  const std::string text = registry.Text();
  for (const char* line :
       {"weft_control_agents 1", "weft_control_pushes_total 0", "weft_control_push_bytes_count 0",
        "weft_control_rejects_total 0", "weft_control_convergence_seconds_count 0"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace weft::stream
