#include "common/snapshot/builder.h"

#include <gtest/gtest.h>

namespace weft::snapshot {
namespace {

ServiceKey Key(const std::string& name) { return {"local", "default", name}; }

std::shared_ptr<policy::ServiceBundle> Bundle(const std::string& name, const std::string& hash) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = Key(name);
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->hash = hash;
  return bundle;
}

policy::BundlePtr Referring(const std::string& name, const std::string& to, bool usable = true) {
  auto bundle = Bundle(name, name + "->" + to);
  policy::RouteRule rule;
  rule.backends.push_back({{Key(to), 80}, 1, usable, {}, {}});
  bundle->routes.push_back({"default/r", "default", 0, false, {}, 0, {rule}});
  return bundle;
}

EndpointsUpdate At(const std::string& name, std::uint64_t version, const std::vector<std::string>& ids,
                   const std::string& store = "s", std::uint64_t epoch = 1) {
  auto endpoints = std::make_shared<Endpoints>();
  endpoints->service = Key(name);
  endpoints->version = version;
  for (const std::string& id : ids) {
    Instance instance;
    instance.id = id;
    instance.address = {net::Ip::V4(10, 0, 0, static_cast<std::uint8_t>(id.back())), 8080};
    endpoints->instances.push_back(instance);
  }
  return {store, epoch, endpoints};
}

Delta To(std::uint64_t revision, std::vector<policy::BundlePtr> bundles, const std::string& store = "s") {
  Delta delta;
  delta.version = Version{store, 1, revision};
  delta.bundles = std::move(bundles);
  return delta;
}

Delta Full(Delta delta) {
  delta.full = true;
  return delta;
}

struct BuilderTest : ::testing::Test {
  std::set<ServiceKey> in_use;
  Builder builder{[this] { return in_use; }};
  bool Has(const std::string& name) { return builder.snapshot()->Find(Key(name)) != nullptr; }
};

TEST_F(BuilderTest, ServicesThatDidNotChangeAreSharedWithTheSnapshotBefore) {
  const SnapshotPtr first = builder.Apply(To(1, {Bundle("a", "1"), Bundle("b", "1")})).snapshot;
  const SnapshotPtr second = builder.Apply(To(2, {Bundle("a", "2"), Bundle("b", "1")})).snapshot;
  EXPECT_EQ(first->services.at(Key("b")), second->services.at(Key("b")));
  EXPECT_NE(first->services.at(Key("a")), second->services.at(Key("a")));
  EXPECT_EQ(second->Find(Key("a"))->revision, 2u);
  EXPECT_EQ(second->Find(Key("b"))->revision, 1u);
  EXPECT_GT(second->generation, first->generation);
}

TEST_F(BuilderTest, EndpointsThatReadTheSameAreSharedThoughTheyCameAnew) {
  Delta delta = To(1, {Bundle("a", "1"), Bundle("b", "1")});
  delta.endpoints = {At("a", 0, {"a-1"}), At("b", 0, {"b-1"})};
  const SnapshotPtr first = builder.Apply(Full(delta)).snapshot;
  delta.version->revision = 2;
  delta.endpoints = {At("a", 0, {"a-1", "a-2"}, "s", 2), At("b", 0, {"b-1"}, "s", 2)};
  const SnapshotPtr second = builder.Apply(Full(delta)).snapshot;
  EXPECT_EQ(second->Find(Key("a"))->endpoints->instances.size(), 2u);
  EXPECT_EQ(first->services.at(Key("b")), second->services.at(Key("b")));
  EXPECT_EQ(builder.parts().services.at(Key("b")).endpoints.epoch, 2u);
}

TEST_F(BuilderTest, TheSnapshotDoesNotDependOnTheOrderOfDeltas) {
  Builder other([] { return std::set<ServiceKey>(); });
  builder.Apply(To(1, {Bundle("a", "1")}));
  builder.Apply(To(2, {Bundle("b", "1")}));
  other.Apply(To(1, {Bundle("b", "1"), Bundle("c", "1")}));
  Delta last = To(2, {Bundle("a", "1")});
  last.removed = {Key("c")};
  other.Apply(last);
  const auto names = [](const Builder& b) {
    std::set<ServiceKey> keys;
    for (const auto& [key, service] : b.snapshot()->services) keys.insert(key);
    return keys;
  };
  EXPECT_EQ(names(builder), names(other));
  EXPECT_EQ(builder.snapshot()->by_name, other.snapshot()->by_name);
}

TEST_F(BuilderTest, ADeltaThatLeavesAReferenceUndefinedIsRefusedWholeAndNamesIt) {
  builder.Apply(To(1, {Bundle("a", "1")}));
  const Outcome outcome = builder.Apply(To(2, {Bundle("a", "2"), Referring("web", "gone")}));
  ASSERT_TRUE(outcome.refused);
  EXPECT_EQ(outcome.refused->field, "routes[0].rules[0].backends[0]");
  EXPECT_NE(outcome.refused->detail.find("default/web refers to default/gone:80"), std::string::npos);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->bundle->hash, "1");
  EXPECT_FALSE(Has("web"));
}

TEST_F(BuilderTest, RemovingAServiceThatIsStillReferredToIsRefused) {
  builder.Apply(To(1, {Bundle("a", "1"), Referring("web", "a")}));
  Delta delta = To(2, {});
  delta.removed = {Key("a")};
  EXPECT_TRUE(builder.Apply(delta).refused);
  EXPECT_TRUE(Has("a"));
}

TEST_F(BuilderTest, AReferenceThatIsMarkedUnusableNeedsNoService) {
  EXPECT_FALSE(builder.Apply(To(1, {Referring("web", "gone", false)})).refused);
  EXPECT_TRUE(Has("web"));
}

TEST_F(BuilderTest, ARefusedBundleKeepsItsLastGoodWhileOthersTakeEffect) {
  builder.Apply(To(1, {Bundle("a", "1"), Bundle("b", "1")}));
  Delta delta = To(2, {Bundle("b", "2")});
  delta.refused.push_back(
      {Key("a"), "2", Invalid("must be above 0", "policy.circuit_breaker.failure_threshold")});
  const Outcome outcome = builder.Apply(delta);
  EXPECT_EQ(outcome.accepted.size(), 1u);
  ASSERT_EQ(outcome.rejected.size(), 1u);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->bundle->hash, "1");
  EXPECT_EQ(builder.snapshot()->Find(Key("b"))->bundle->hash, "2");
  EXPECT_EQ(builder.effective()->revision, 1u);
  EXPECT_EQ(builder.parts().version.revision, 2u);
  builder.Apply(To(3, {Bundle("a", "3")}));
  EXPECT_TRUE(builder.refusals().empty());
  EXPECT_EQ(builder.effective()->revision, 3u);
}

TEST_F(BuilderTest, WithinOneStoreItNeverGoesBack) {
  builder.Apply(To(5, {Bundle("a", "5")}));
  EXPECT_TRUE(builder.Apply(To(4, {Bundle("a", "4")})).refused);
  EXPECT_TRUE(builder.Apply(Full(To(4, {Bundle("a", "4")}))).refused);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->bundle->hash, "5");
  Delta later_epoch = To(1, {Bundle("a", "6")});
  later_epoch.version->epoch = 2;
  EXPECT_FALSE(builder.Apply(later_epoch).refused);
  EXPECT_FALSE(builder.Apply(later_epoch).refused) << "the same version again brings further services";
}

TEST_F(BuilderTest, AnotherStoreMustBeginWithAFullDelta) {
  builder.Apply(To(5, {Bundle("a", "1")}));
  EXPECT_TRUE(builder.Apply(To(1, {Bundle("a", "2")}, "t")).refused);
  Delta resync = Full(To(1, {}, "t"));
  resync.unchanged = {Key("a")};
  EXPECT_FALSE(builder.Apply(resync).refused);
  EXPECT_EQ(builder.parts().version.store_id, "t");
  EXPECT_TRUE(Has("a"));
}

TEST_F(BuilderTest, AStoreThatWouldRemoveMoreThanHalfInUseWaitsForConfirmation) {
  in_use = {Key("a"), Key("b"), Key("c")};
  builder.Apply(To(5, {Bundle("a", "1"), Bundle("b", "1"), Bundle("c", "1"), Bundle("unused", "1")}));
  Outcome outcome = builder.Apply(Full(To(1, {Bundle("a", "1")}, "t")));
  EXPECT_TRUE(outcome.awaiting);
  EXPECT_FALSE(outcome.snapshot);
  EXPECT_TRUE(Has("b"));
  EXPECT_FALSE(builder.Accept("other").snapshot);
  outcome = builder.Accept("t");
  ASSERT_TRUE(outcome.snapshot);
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
  EXPECT_FALSE(builder.waiting());
}

TEST_F(BuilderTest, AStoreThatFillsUpWhileItWaitsIsTakenOver) {
  in_use = {Key("a"), Key("b")};
  builder.Apply(To(5, {Bundle("a", "1"), Bundle("b", "1")}));
  EXPECT_TRUE(builder.Apply(Full(To(0, {}, "t"))).awaiting);
  EXPECT_FALSE(builder.Apply(Full(To(1, {Bundle("a", "2")}, "t"))).awaiting) << "half is not more than half";
  EXPECT_FALSE(Has("b"));
}

TEST_F(BuilderTest, EndpointsOlderThanHeldAreDropped) {
  Delta first = To(1, {Bundle("a", "1")});
  first.endpoints = {At("a", 7, {"i1", "i2"})};
  builder.Apply(first);
  Delta removal;
  removal.endpoints = {At("a", 8, {"i2"})};
  ASSERT_TRUE(builder.Apply(removal).snapshot) << "a removal needs no revision";
  EXPECT_EQ(builder.snapshot()->version.revision, 1u);
  Delta late = To(2, {Bundle("a", "2")});
  late.endpoints = {At("a", 7, {"i1", "i2"})};
  builder.Apply(late);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->endpoints->instances.size(), 1u);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->bundle->hash, "2");
}

TEST_F(BuilderTest, ARemovalIsTakenFromADeltaThatIsRefused) {
  Delta first = To(5, {Bundle("a", "1")});
  first.endpoints = {At("a", 1, {"i1", "i2"})};
  builder.Apply(first);
  Delta old = To(4, {Bundle("a", "0")});
  old.endpoints = {At("a", 2, {"i2"})};
  const Outcome outcome = builder.Apply(old);
  EXPECT_TRUE(outcome.refused);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->endpoints->instances.size(), 1u);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->bundle->hash, "1");
}

TEST_F(BuilderTest, AnotherStoresEndpointsCountOnlyOnceItIsTheTarget) {
  in_use = {Key("a")};
  Delta first = To(5, {Bundle("a", "1")});
  first.endpoints = {At("a", 100, {"i1"})};
  builder.Apply(first);
  Delta fresh = Full(To(0, {}, "t"));
  fresh.endpoints = {At("a", 1, {}, "t")};
  EXPECT_TRUE(builder.Apply(fresh).awaiting);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->endpoints->instances.size(), 1u);
  Delta filled = Full(To(1, {Bundle("a", "2")}, "t"));
  filled.endpoints = {At("a", 2, {"i1", "i2"}, "t")};
  builder.Apply(filled);
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->endpoints->instances.size(), 2u);
}

TEST_F(BuilderTest, EndpointsOfARefusedBundleWaitForTheGoodOne) {
  Delta delta = To(1, {});
  delta.refused.push_back({Key("a"), "1", Invalid("bad", "ports")});
  delta.endpoints = {At("a", 1, {"i1"})};
  builder.Apply(delta);
  EXPECT_FALSE(Has("a"));
  builder.Apply(To(2, {Bundle("a", "2")}));
  EXPECT_EQ(builder.snapshot()->Find(Key("a"))->endpoints->instances.size(), 1u);
}

TEST_F(BuilderTest, AVirtualAddressIsNotHiddenByAnInstanceAddress) {
  auto vip = Bundle("z", "1");
  vip->addresses = {"10.0.0.49"};  // where instance "1" of service a listens
  vip->ports[0].port = 8080;
  Delta delta = To(1, {Bundle("a", "1"), vip});
  delta.endpoints = {At("a", 1, {"1", "2"})};
  builder.Apply(delta);
  const auto& index = builder.snapshot()->by_address;
  EXPECT_EQ(index.at(net::Address::Parse("10.0.0.49:8080").value()).service.name, "z");
  EXPECT_EQ(index.at(net::Address::Parse("10.0.0.50:8080").value()).ToString(), "default/a:80");
}

TEST_F(BuilderTest, InstancesOfAServiceWithVirtualAddressesAreReachedDirectly) {
  auto vip = Bundle("a", "1");
  vip->addresses = {"10.96.0.7"};
  Delta delta = To(1, {vip});
  delta.endpoints = {At("a", 1, {"1"})};
  builder.Apply(delta);
  const auto& index = builder.snapshot()->by_address;
  EXPECT_EQ(index.size(), 1u);
  EXPECT_TRUE(index.contains(net::Address::Parse("10.96.0.7:80").value()));
}

TEST_F(BuilderTest, AFullDeltaRemovesWhatItDoesNotName) {
  builder.Apply(To(1, {Bundle("a", "1"), Bundle("b", "1")}));
  Delta full = Full(To(2, {}));
  full.unchanged = {Key("a")};
  builder.Apply(full);
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
  full.unchanged = {Key("never")};
  EXPECT_TRUE(builder.Apply(full).refused);
}

TEST_F(BuilderTest, RestoredPartsAreServedAndFurtherDeltasBuildOnThem) {
  Parts parts;
  parts.version = {"s", 1, 5};
  parts.services[Key("a")] = {Bundle("a", "1"), 5, {}};
  EXPECT_TRUE(builder.Restore(parts).snapshot);
  EXPECT_TRUE(builder.Apply(To(4, {})).refused);
  Delta resume = Full(To(6, {Bundle("b", "1")}));
  resume.unchanged = {Key("a")};
  EXPECT_FALSE(builder.Apply(resume).refused);
  EXPECT_TRUE(Has("a") && Has("b"));
}

}  // namespace
}  // namespace weft::snapshot
