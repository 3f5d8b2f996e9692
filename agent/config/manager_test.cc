#include "agent/config/manager.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "agent/cold/driven_cold.h"
#include "agent/dial/backoff.h"

namespace weft::config {
namespace {

ServiceKey Key(const std::string& name) { return {"local", "default", name}; }

struct FakeLink : Link {
  Callbacks callbacks;
  bool demand = true;
  std::vector<ServiceKey> subscribed, unsubscribed;
  std::vector<Acknowledgement> acks;
  std::vector<std::string> asked;  // addresses
  void Start(Callbacks c) override { callbacks = std::move(c); }
  void Stop() override {}
  bool on_demand() const override { return demand; }
  void Subscribe(std::span<const ServiceKey> keys) override {
    subscribed.insert(subscribed.end(), keys.begin(), keys.end());
  }
  void Unsubscribe(std::span<const ServiceKey> keys) override {
    unsubscribed.insert(unsubscribed.end(), keys.begin(), keys.end());
  }
  void Acknowledge(const Acknowledgement& ack) override { acks.push_back(ack); }
  void FindAddress(const net::Address& address) override { asked.push_back(address.ToString()); }
  void Connected() { callbacks.on_state(LinkState::kConnected, {}); }
  void Lost(const std::string& why) { callbacks.on_state(LinkState::kWaiting, why); }
};

policy::BundlePtr Bundle(const std::string& name, const std::string& hash = "h") {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = Key(name);
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->hash = hash;
  return bundle;
}

snapshot::Delta To(std::uint64_t revision, std::vector<policy::BundlePtr> bundles,
                   const std::string& store = "s") {
  snapshot::Delta delta;
  delta.sequence = revision;
  delta.version = snapshot::Version{store, 1, revision};
  delta.bundles = std::move(bundles);
  return delta;
}

struct ManagerTest : ::testing::Test {
  cold::DrivenCold cold;
  ManagerOptions options;
  std::vector<snapshot::SnapshotPtr> installed;
  std::vector<Duration> drains;
  std::vector<std::string> problems, answers;
  FakeLink* link = nullptr;
  std::unique_ptr<Manager> manager;
  std::string folder;

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-manager-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void Make() {
    auto made = std::make_unique<FakeLink>();
    link = made.get();
    ManagerHooks hooks;
    hooks.install = [this](snapshot::SnapshotPtr snapshot) { installed.push_back(std::move(snapshot)); };
    hooks.drain = [this](Duration deadline) { drains.push_back(deadline); };
    hooks.log = [this](bool problem, const std::string& text) {
      if (problem) problems.push_back(text);
    };
    manager = std::make_unique<Manager>(cold, options, hooks, std::move(made));
    manager->Start();
  }
  void Need(const std::string& name) {
    manager->Need(Key(name),
                  [this, name](bool found) { answers.push_back(name + (found ? " yes" : " no")); });
    cold.Advance(Duration::zero());
  }
  void NeedAddress(const std::string& text) {
    manager->NeedAddress(*net::Address::Parse(text),
                         [this, text](bool found) { answers.push_back(text + (found ? " yes" : " no")); });
    cold.Advance(Duration::zero());
  }
  using Strings = std::vector<std::string>;
};

policy::BundlePtr BundleAt(const std::string& name, const std::string& address) {
  auto bundle = std::make_shared<policy::ServiceBundle>(*Bundle(name));
  bundle->addresses = {address};
  return bundle;
}

TEST_F(ManagerTest, AnAddressIsAskedForOnceAndItsServiceSubscribedTo) {
  Make();
  link->Connected();
  NeedAddress("10.96.0.7:80");
  NeedAddress("10.96.0.7:80");
  EXPECT_EQ(link->asked, Strings{"10.96.0.7:80"});
  link->callbacks.on_found(*net::Address::Parse("10.96.0.7:80"), Key("cart"));
  EXPECT_EQ(link->subscribed, std::vector<ServiceKey>{Key("cart")});
  EXPECT_TRUE(answers.empty());
  link->callbacks.on_delta(To(1, {BundleAt("cart", "10.96.0.7")}));
  EXPECT_EQ(answers, (Strings{"10.96.0.7:80 yes", "10.96.0.7:80 yes"}));
  NeedAddress("10.96.0.7:80");
  EXPECT_EQ(answers.size(), 3u);
  EXPECT_EQ(link->asked.size(), 1u);
  EXPECT_EQ(manager->status().waiting, 0u);
}

TEST_F(ManagerTest, AnAddressOfNobodyAndOneThatIsNotAnsweredAreNo) {
  Make();
  link->Connected();
  NeedAddress("192.0.2.1:443");
  link->callbacks.on_found(*net::Address::Parse("192.0.2.1:443"), std::nullopt);
  EXPECT_EQ(answers, Strings{"192.0.2.1:443 no"});
  NeedAddress("192.0.2.2:443");
  cold.Advance(kHold);
  EXPECT_EQ(answers.back(), "192.0.2.2:443 no");
  EXPECT_EQ(manager->status().waiting, 0u);
}

TEST_F(ManagerTest, AnAddressIsAskedForAgainOnceThereIsAStream) {
  Make();
  NeedAddress("10.96.0.7:80");
  link->asked.clear();
  link->Connected();
  EXPECT_EQ(link->asked, Strings{"10.96.0.7:80"});
  link->Lost("gone");
  EXPECT_EQ(answers, Strings{"10.96.0.7:80 no"});
  NeedAddress("10.96.0.8:80");
  EXPECT_EQ(answers.back(), "10.96.0.8:80 no") << "while there is no control plane nobody waits";
}

TEST_F(ManagerTest, AFirstRequestSubscribesAndIsAnsweredOnceItsSnapshotIsInstalled) {
  Make();
  link->Connected();
  Need("cart");
  EXPECT_EQ(link->subscribed, std::vector<ServiceKey>{Key("cart")});
  EXPECT_TRUE(answers.empty());
  link->callbacks.on_delta(To(1, {Bundle("cart")}));
  EXPECT_EQ(installed.size(), 1u);
  EXPECT_EQ(answers, Strings{"cart yes"});
  Need("cart");
  EXPECT_EQ(answers.back(), "cart yes");
  EXPECT_EQ(link->subscribed.size(), 1u);
}

TEST_F(ManagerTest, AFirstRequestIsHeldAtMost200Milliseconds) {
  Make();
  link->Connected();
  Need("cart");
  cold.Advance(std::chrono::milliseconds(199));
  EXPECT_TRUE(answers.empty());
  cold.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(answers, Strings{"cart no"});
  EXPECT_EQ(manager->status().waiting, 0u);
}

TEST_F(ManagerTest, ANegativeAnswerLivesFiveSecondsThenTheSubscriptionEnds) {
  Make();
  link->Connected();
  Need("nope");
  snapshot::Delta delta = To(1, {});
  delta.unknown = {Key("nope")};
  link->callbacks.on_delta(delta);
  Need("nope");
  EXPECT_EQ(answers, (Strings{"nope no", "nope no"}));
  EXPECT_EQ(link->subscribed.size(), 1u);
  cold.Advance(std::chrono::seconds(5));
  EXPECT_EQ(link->unsubscribed, std::vector<ServiceKey>{Key("nope")});
  Need("nope");
  EXPECT_EQ(link->subscribed.size(), 2u);
}

TEST_F(ManagerTest, AServiceThatAppearsWithinTheFiveSecondsIsServed) {
  Make();
  link->Connected();
  Need("late");
  snapshot::Delta delta = To(1, {});
  delta.unknown = {Key("late")};
  link->callbacks.on_delta(delta);
  link->callbacks.on_delta(To(2, {Bundle("late")}));
  Need("late");
  EXPECT_EQ(answers.back(), "late yes");
  cold.Advance(std::chrono::seconds(10));
  EXPECT_TRUE(link->unsubscribed.empty());
}

TEST_F(ManagerTest, ARemovedServiceIsAskedForAgainLater) {
  Make();
  link->Connected();
  Need("cart");
  link->callbacks.on_delta(To(1, {Bundle("cart")}));
  snapshot::Delta removal = To(2, {});
  removal.removed = {Key("cart")};
  link->callbacks.on_delta(removal);
  Need("cart");
  EXPECT_EQ(answers.back(), "cart no");
  cold.Advance(std::chrono::seconds(5));
  Need("cart");
  EXPECT_EQ(link->subscribed.size(), 2u);
}

TEST_F(ManagerTest, WithoutAControlPlaneNobodyWaits) {
  Make();
  Need("cart");
  link->Lost("connection refused");
  EXPECT_EQ(answers, Strings{"cart no"});
  Need("web");
  EXPECT_EQ(answers.back(), "web no");
  EXPECT_EQ(link->callbacks.holding().services.size(), 2u) << "both are asked for once it is there";
}

TEST_F(ManagerTest, WhatFilesDoNotHaveDoesNotExist) {
  Make();
  link->demand = false;
  Need("cart");
  EXPECT_EQ(answers, Strings{"cart no"});
  EXPECT_TRUE(link->subscribed.empty());
}

TEST_F(ManagerTest, SubscriptionsAndHeldRequestsAreBounded) {
  options.max_subscriptions = 2;
  options.max_waiting = 3;
  Make();
  link->Connected();
  for (const char* name : {"a", "b", "c", "a", "a"}) Need(name);
  EXPECT_EQ(answers, (Strings{"c no", "a no"}));
  EXPECT_EQ(manager->status().overflows, 2u);
}

TEST_F(ManagerTest, OneBadBundleIsReportedWithItsFieldAndTheRestTakesEffect) {
  Make();
  link->Connected();
  snapshot::Delta delta = To(1, {Bundle("a"), Bundle("b")});
  delta.refused.push_back({Key("c"), "x", Invalid("must be above 0", "ports[0].port")});
  link->callbacks.on_delta(delta);
  const Acknowledgement& ack = link->acks.at(0);
  EXPECT_EQ(ack.accepted.size(), 2u);
  EXPECT_EQ(ack.rejected.at(0).error.field, "ports[0].port");
  EXPECT_EQ(ack.target->revision, 1u);
  EXPECT_FALSE(ack.effective);
  EXPECT_EQ(ack.behind.at(0).service, Key("c"));
  EXPECT_EQ(manager->status().rejected_bundles, 1u);
  EXPECT_NE(problems.at(0).find("ports[0].port"), std::string::npos);
}

TEST_F(ManagerTest, AnOldRevisionIsRefusedAndTheSnapshotStays) {
  Make();
  link->Connected();
  link->callbacks.on_delta(To(5, {Bundle("a", "5")}));
  link->callbacks.on_delta(To(4, {Bundle("a", "4")}));
  EXPECT_TRUE(link->acks.at(1).refused);
  EXPECT_EQ(installed.size(), 1u);
  EXPECT_EQ(manager->status().rejected_deltas, 1u);
}

TEST_F(ManagerTest, ANewEmptyStoreWaitsForTheCommand) {
  Make();
  link->Connected();
  Need("a");
  link->callbacks.on_delta(To(5, {Bundle("a")}));
  snapshot::Delta fresh = To(0, {}, "t");
  fresh.full = true;
  link->callbacks.on_delta(fresh);
  EXPECT_TRUE(link->acks.at(1).awaiting);
  EXPECT_TRUE(manager->status().awaiting);
  EXPECT_NE(manager->snapshot()->Find(Key("a")), nullptr);
  link->callbacks.on_command({Command::Kind::kAcceptResync, Duration::zero(), "t"});
  EXPECT_EQ(manager->snapshot()->Find(Key("a")), nullptr);
  EXPECT_FALSE(manager->status().awaiting);
  EXPECT_EQ(link->acks.size(), 3u);
}

TEST_F(ManagerTest, ItRestartsFromTheCacheWithItsSubscriptions) {
  options.cache_path = folder + "/cache";
  Make();
  link->Connected();
  Need("cart");
  link->callbacks.on_delta(To(3, {Bundle("cart")}));
  cold.Advance(std::chrono::seconds(1));
  manager->Stop();
  installed.clear();
  Make();
  ASSERT_EQ(installed.size(), 1u);
  EXPECT_NE(installed[0]->Find(Key("cart")), nullptr);
  EXPECT_EQ(manager->status().source, "cache");
  const Holding holding = link->callbacks.holding();
  EXPECT_EQ(holding.version->revision, 3u);
  ASSERT_EQ(holding.services.size(), 1u);
  EXPECT_EQ(holding.services[0].service, Key("cart"));
}

TEST_F(ManagerTest, TheAgeGrowsWhileTheSourceIsAwayAndAcrossARestart) {
  options.cache_path = folder + "/cache";
  Make();
  link->Connected();
  link->callbacks.on_delta(To(3, {Bundle("cart")}));
  cold.Advance(std::chrono::minutes(30));
  EXPECT_EQ(manager->status().age, Duration::zero());
  link->Lost("gone");
  cold.Advance(std::chrono::minutes(5));
  EXPECT_EQ(manager->status().age, std::chrono::minutes(5));
  manager->Stop();
  cold.Advance(std::chrono::minutes(2));
  Make();
  EXPECT_EQ(manager->status().age, std::chrono::minutes(7));
}

TEST_F(ManagerTest, ACacheThatCannotBeWrittenIsCountedAndSaid) {
  options.cache_path = folder + "/missing/cache";
  Make();
  link->Connected();
  link->callbacks.on_delta(To(1, {Bundle("cart")}));
  cold.Advance(std::chrono::seconds(1));
  EXPECT_EQ(manager->status().cache_failures, 1u);
  EXPECT_NE(problems.at(0).find("cannot be cached"), std::string::npos);
}

TEST_F(ManagerTest, ADrainCommandReachesTheProgram) {
  Make();
  link->callbacks.on_command({Command::Kind::kDrain, std::chrono::seconds(3), {}});
  EXPECT_EQ(drains, std::vector<Duration>{std::chrono::seconds(3)});
}

}  // namespace
}  // namespace weft::config
