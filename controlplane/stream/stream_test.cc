#include <gtest/gtest.h>

#include "common/snapshot/builder.h"
#include "controlplane/stream/endpoint_book.h"
#include "controlplane/stream/hub.h"
#include "controlplane/stream/metrics.h"
#include "controlplane/stream/publisher.h"
#include "controlplane/stream/stream_fixture.h"

namespace weft::stream {
namespace {

using std::chrono::seconds;

// A session with a real snapshot builder at its other end.
struct Agent {
  explicit Agent(const v1::Hello& hello) : session(*Session::Open(hello, keys, "127.0.0.1:1", kStart, 0)) {}

  // Takes every message that is there; returns how many.
  int Settle(const World& world, TimePoint now = kStart) {
    int taken = 0;
    for (auto message = NextOf(session, world, now); message; message = NextOf(session, world, now)) {
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

  KeyPool keys;
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
  EXPECT_FALSE(agent.session.behind());
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
  const auto message = NextOf(agent.session, world, kStart);
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
  EXPECT_TRUE(agent.session.behind());
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
  EXPECT_FALSE(agent.session.behind());
  EXPECT_EQ(agent.session.Describe().effective().revision(), 3U);
}

TEST(SessionTest, ADeltaRefusedWholeIsNotOfferedAgainButTheNextReleaseIs) {
  World world = WorldOf(MakeTestRelease(1, {Bundle("cart")}));
  Agent agent(HelloOf("a", {"cart"}));
  agent.Settle(world);
  world.release = MakeTestRelease(2, {Bundle("cart", 9)}, world.release);
  const auto message = NextOf(agent.session, world, kStart);
  ASSERT_TRUE(message);
  v1::Ack ack;
  ack.set_sequence(message->delta().sequence());
  ack.set_refused("names an undefined backend");
  EXPECT_EQ(agent.session.OnAck(ack, kStart).rejects, 1U);
  EXPECT_FALSE(NextOf(agent.session, world, kStart));
  EXPECT_TRUE(agent.session.Describe().partial());
  EXPECT_TRUE(agent.session.behind());
  world.endpoints[Key("cart")] = MakeEndpoints("cart", 2, {"cart-2"});
  const auto endpoints = NextOf(agent.session, world, kStart);
  ASSERT_TRUE(endpoints) << "removals still pass";
  EXPECT_EQ(endpoints->delta().bundles_size(), 0);
  world.release = MakeTestRelease(3, {Bundle("cart", 9)}, world.release);
  const auto next = NextOf(agent.session, world, kStart);
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
    sent += NextOf(agent.session, world, kStart).has_value() ? 1 : 0;
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
  const auto full = NextOf(agent.session, world, kStart);
  ASSERT_TRUE(full);
  v1::Ack ack;
  ack.set_sequence(full->delta().sequence());
  ack.set_awaiting_confirmation(true);
  agent.session.OnAck(ack, kStart);
  ASSERT_TRUE(agent.session.Subscribe(SubscribeTo("web")));
  EXPECT_FALSE(NextOf(agent.session, world, kStart));
  agent.session.AcceptResync();
  const auto command = NextOf(agent.session, world, kStart);
  ASSERT_TRUE(command);
  EXPECT_TRUE(command->command().has_accept_resync());
  ack.set_awaiting_confirmation(false);
  agent.session.OnAck(ack, kStart);
  EXPECT_TRUE(NextOf(agent.session, world, kStart));
}

TEST(SessionTest, AnAgentThatWaitsForConfirmationGetsTheNextReleaseWholeAndJudgesItAnew) {
  Agent agent(HelloOf("a", {"cart", "web"}));
  agent.in_use = {Key("cart"), Key("web")};
  agent.Settle(WorldOf(MakeTestRelease(7, {Bundle("cart"), Bundle("web")})));
  agent.session = *Session::Open(HelloOf("a", {"cart", "web"}), agent.keys, "127.0.0.1:1", kStart, 0);
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
  KeyPool keys;
  EXPECT_EQ(Session::Open(v1::Hello(), keys, "", kStart, 0).error().field, "hello.node_id");
  v1::Hello hello;
  hello.set_node_id("a");
  EXPECT_EQ(Session::Open(hello, keys, "", kStart, 0).error().field, "hello.namespace");
}

TEST(SessionTest, EndpointsResumeByTheirHashWhereAnotherEpochCountedThem) {
  const World world = WorldOf(MakeTestRelease(1, {Bundle("cart"), Bundle("web")}),
                              {MakeEndpoints("cart", 1, {"cart-1"}), MakeEndpoints("web", 1, {"web-1"})});
  v1::Hello hello = HelloOf("a", {"cart", "web"});
  for (v1::HeldService& held : *hello.mutable_held()) {
    held.set_bundle_hash(world.release->bundles.at(Key(held.service().name()))->hash);
    held.set_endpoints_store_id("store");
    held.set_endpoints_epoch(0);
    held.set_endpoints_version(70);
    held.set_endpoints_hash(wire::HashInstances(MakeEndpoints("cart", 70, {"cart-1"})->instances));
  }
  Agent agent(hello);
  const auto message = NextOf(agent.session, world, kStart);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->delta().unchanged_size(), 2);
  ASSERT_EQ(message->delta().endpoints_size(), 1) << "web has other instances than it says";
  EXPECT_EQ(message->delta().endpoints(0).service().name(), "web");
  EXPECT_FALSE(NextOf(agent.session, world, kStart));
}

// A session beside the lanes that feed it, as in the hub.
struct Fed {
  explicit Fed(const v1::Hello& hello) : agent(hello) {}
  void Release(std::uint64_t revision, std::vector<policy::ServiceBundle> bundles) {
    release = MakeTestRelease(revision, std::move(bundles), release);
    lanes.OfferRelease({release}, now += seconds(1));
  }
  void Endpoints(const snapshot::EndpointsPtr& list) { lanes.OfferEndpoints(list, now += seconds(1)); }
  int Settle() { return agent.Settle(lanes.world()); }

  Lanes lanes;
  ReleasePtr release;
  TimePoint now = kStart;
  Agent agent;
};

TEST(SessionTest, WhatChangedSinceIsAllThatItIsComparedWith) {
  Fed fed(HelloOf("a", {"cart", "web"}));
  fed.Release(1, {Bundle("cart"), Bundle("web"), Bundle("other")});
  EXPECT_EQ(fed.Settle(), 1);
  fed.Release(2, {Bundle("cart", 7)});
  EXPECT_EQ(fed.Settle(), 1);
  EXPECT_EQ(fed.agent.last.bundles_size(), 1);
  EXPECT_EQ(fed.agent.builder.snapshot()->Find(Key("cart"))->bundle->policy.retry.attempts, 7U);
  fed.Release(3, {Bundle("other", 9)});
  EXPECT_EQ(fed.Settle(), 1) << "the revision alone";
  EXPECT_EQ(fed.agent.last.bundles_size(), 0);
  fed.Endpoints(MakeEndpoints("other", 1, {"o"}));
  EXPECT_EQ(fed.Settle(), 0);
  fed.Endpoints(MakeEndpoints("web", 1, {"w"}));
  EXPECT_EQ(fed.Settle(), 1);
  EXPECT_EQ(fed.agent.last.endpoints_size(), 1);
}

TEST(SessionTest, ReferencesThatComeAndGoBringTheirServicesAndTakeThem) {
  Fed fed(HelloOf("a", {"web"}));
  fed.Release(1, {Bundle("web"), Bundle("cart"), Bundle("prices")});
  fed.Settle();
  fed.Release(2, {Bundle("web", 2, "cart"), Bundle("cart", 2, "prices")});
  fed.Settle();
  EXPECT_TRUE(fed.agent.Has("cart") && fed.agent.Has("prices"));
  fed.Release(3, {Bundle("prices", 5)});
  fed.Settle();
  EXPECT_EQ(fed.agent.builder.snapshot()->Find(Key("prices"))->bundle->policy.retry.attempts, 5U);
  fed.Release(4, {Bundle("cart")});
  fed.Settle();
  EXPECT_TRUE(fed.agent.Has("cart"));
  EXPECT_FALSE(fed.agent.Has("prices"));
}

TEST(SessionTest, ASessionThatMissedMoreChangesThanAreKeptComparesEverything) {
  Fed fed(HelloOf("a", {"cart"}));
  fed.Release(1, {Bundle("cart"), Bundle("web")});
  fed.Settle();
  fed.Release(2, {Bundle("cart", 7)});
  for (std::uint64_t revision = 3; revision < 3 + 2 * World::kChangesKept; ++revision)
    fed.Release(revision, {Bundle("web", static_cast<std::uint32_t>(revision))});
  EXPECT_EQ(fed.Settle(), 1);
  EXPECT_EQ(fed.agent.builder.snapshot()->Find(Key("cart"))->bundle->policy.retry.attempts, 7U);
}

TEST(SessionTest, ItSaysWhatBecameOfUseAndWhatCeasedToBe) {
  Fed fed(HelloOf("a", {"web"}));
  fed.Release(1, {Bundle("web", 2, "cart"), Bundle("cart")});
  fed.Settle();
  EXPECT_EQ(fed.agent.session.TakeMoves(), (Session::Moves{{Key("web"), true}, {Key("cart"), true}}));
  fed.Release(2, {Bundle("web")});
  fed.Settle();
  EXPECT_EQ(fed.agent.session.TakeMoves(), (Session::Moves{{Key("cart"), false}}));
  EXPECT_EQ(fed.agent.session.Used(), (std::vector<ServiceKey>{Key("web")}));
}

TEST(OutgoingTest, PartsAndHeadAreOneMessage) {
  v1::Delta delta;
  delta.set_sequence(300);
  delta.set_full(true);
  v1::BundleUpdate update;
  update.set_hash(std::string(300, 'h'));
  const Outgoing message = Assemble(delta, {MakePart(update), MakePart(v1::Endpoints()), MakePart(update)});
  const auto read = Parse(message);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->delta().sequence(), 300U);
  EXPECT_EQ(read->delta().bundles_size(), 2);
  EXPECT_EQ(read->delta().bundles(1).hash().size(), 300U);
  EXPECT_EQ(read->delta().endpoints_size(), 1);
  EXPECT_EQ(read->ByteSizeLong(), message.size());
}

TEST(LanesTest, AFirstChangeIsVisibleAtOnceAndTheNextOnesTogether) {
  Lanes lanes;
  EXPECT_TRUE(lanes.OfferRelease({MakeTestRelease(1, {})}, kStart));
  EXPECT_FALSE(lanes.OfferRelease({MakeTestRelease(2, {})}, kStart + milliseconds(10)));
  EXPECT_FALSE(lanes.OfferRelease({MakeTestRelease(3, {})}, kStart + milliseconds(20)));
  EXPECT_EQ(lanes.world().release->version.revision, 1U);
  EXPECT_EQ(*lanes.due(), kStart + milliseconds(50));
  EXPECT_FALSE(lanes.Flush(kStart + milliseconds(49)));
  EXPECT_TRUE(lanes.Flush(kStart + milliseconds(50)));
  EXPECT_EQ(lanes.world().release->version.revision, 3U);
  EXPECT_FALSE(lanes.due());
}

TEST(LanesTest, NothingWaitsWhenAllIsFlushed) {
  Lanes lanes;
  lanes.OfferRelease({MakeTestRelease(1, {})}, kStart);
  EXPECT_FALSE(lanes.OfferRelease({MakeTestRelease(2, {})}, kStart));
  lanes.FlushAll(kStart);
  EXPECT_EQ(lanes.world().release->version.revision, 2U);
  EXPECT_FALSE(lanes.due());
}

TEST(LanesTest, RemovalsOvertakeEverything) {
  Lanes lanes;
  lanes.OfferEndpoints(MakeEndpoints("cart", 1, {"a", "b"}), kStart);
  EXPECT_FALSE(lanes.OfferRelease({MakeTestRelease(2, {})}, kStart + milliseconds(1)));
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
  const auto changed = book.SetStatic(Key("cart"), MakeEndpoints("cart", 0, {"b", "c"})->instances);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->instances.size(), 3U);
  EXPECT_EQ(book.SetStatic(Key("cart"), {})->version, 4U);
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
