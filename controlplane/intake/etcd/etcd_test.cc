#include "controlplane/intake/etcd/etcd.h"

#include "controlplane/intake/conformance.h"
#include "controlplane/intake/etcd/fake_etcd.h"
#include "controlplane/intake/etcd/keys.h"

namespace weft::intake::etcd {
namespace {

using std::chrono::milliseconds;

class EtcdWorld final : public World {
 public:
  std::string owner() const override { return "etcd"; }
  void Connect(Scene& scene) override {
    Options options;
    options.endpoints = {fake.endpoint()};
    options.retry_min = options.retry_max = milliseconds(5);
    source_ = std::make_unique<Etcd>(scene.life->registrar.Add("etcd"), options);
    ASSERT_TRUE(source_->Start());
  }
  void Disconnect() override { source_.reset(); }
  void Put(const Placed& placed) override {
    fake.Put("/weft/services/default/" + placed.service, R"({"ports": [{"port": 80}]})");
    fake.Put("/weft/instances/default/" + placed.service + "/" + placed.id,
             R"({"address": "127.0.0.1", "port": )" + std::to_string(placed.port) + R"(, "draining": )" +
                 (placed.state == Placed::State::kDraining ? "true}" : "false}"));
  }
  void Remove(const std::string& service, const std::string& id) override {
    fake.Delete("/weft/instances/default/" + service + "/" + id);
  }
  void GoDown() override { fake.GoDown(); }
  void ComeBack() override { fake.ComeBack(); }
  void Turn() override { std::this_thread::yield(); }

  FakeEtcd fake;

 private:
  std::unique_ptr<Etcd> source_;
};

INSTANTIATE_TEST_SUITE_P(Etcd, SourceConformance,
                         testing::Values([] { return std::make_unique<EtcdWorld>(); }));

class EtcdTest : public SourceTest<EtcdWorld> {
 protected:
  void SetUp() override {
    world.Connect(scene);
    world.Put({"cart", "a", 8001});
    ASSERT_TRUE(Comes([&] { return scene.At("cart", 8001).has_value(); }));
  }
};

TEST_F(EtcdTest, ACompactionOfWhatWasNotSeenReadsAllAgainAndIsNoLoss) {
  const int before = world.fake.reads();
  world.fake.Delete("/weft/instances/default/cart/a");
  world.fake.Compact();
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8002) && !scene.At("cart", 8001); }));
  EXPECT_TRUE(Comes([&] { return world.fake.reads() > before; }));
  EXPECT_EQ(Look().errors, 0U);
}

TEST_F(EtcdTest, ALostLeaderIsAnErrorAndTheNextReadGoesOn) {
  ASSERT_TRUE(Comes([&] { return world.fake.watches() > 0; }));
  world.fake.LoseLeader();
  ASSERT_TRUE(Comes([&] { return Look().errors > 0; }));
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8002).has_value() && Look().up; }));
  EXPECT_TRUE(scene.At("cart", 8001));
}

TEST_F(EtcdTest, AnEmptyStoreIsAMassRemovalWhenThereWasMuch) {
  for (std::uint16_t i = 0; i < 12; ++i)
    world.Put({"cart", "i" + std::to_string(i), static_cast<std::uint16_t>(9000 + i)});
  ASSERT_TRUE(Comes([&] { return scene.Instances("cart").size() == 13; }));
  world.Disconnect();
  world.fake.Delete("/weft/services/default/cart");
  world.fake.Delete("/weft/instances/default/cart/a");
  for (int i = 0; i < 12; ++i) world.Remove("cart", "i" + std::to_string(i));
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return Look().up; }));
  EXPECT_EQ(scene.Instances("cart").size(), 13U);
  scene.Advance(std::chrono::minutes(1));
  EXPECT_TRUE(Comes([&] { return scene.Instances("cart").empty(); }));
}

std::string Said(Keys& keys) {
  std::string text;
  const PicturePtr all = keys.Make();
  for (const Error& error : all->unusable) text += error.Text() + "\n";
  return text;
}

TEST(EtcdKeysTest, AValueThatCannotBeUsedLeavesWhatWasSaidBefore) {
  Keys keys("/weft/");
  keys.BeginAll();
  keys.Put("/weft/services/shop/cart", R"({"ports": [{"port": 80, "protocol": "HTTP"}]})");
  keys.Put("/weft/instances/shop/cart/x/1", R"({"address": "10.0.0.1", "port": 81})");
  keys.EndAll();
  EXPECT_EQ(Said(keys), "");
  const FoundPtr before = keys.Make()->services.at({"local", "shop", "cart"});
  EXPECT_EQ(before->instances.at(0).id(), "x/1");
  keys.Put("/weft/instances/shop/cart/x/1", R"({"address": "10.0.0.2", "prot": 81})");
  keys.Put("/weft/services/shop/cart", "no");
  EXPECT_EQ(keys.Make()->services.at({"local", "shop", "cart"}), before);
  EXPECT_NE(Said(keys).find("prot"), std::string::npos) << Said(keys);
  EXPECT_NE(Said(keys).find("/weft/services/shop/cart"), std::string::npos) << Said(keys);
}

TEST(EtcdKeysTest, WhatIsNotReadAgainIsGone) {
  Keys keys("/weft/");
  for (int life = 0; life < 2; ++life) {
    keys.BeginAll();
    keys.Put("/weft/services/shop/cart", R"({"ports": [{"port": 80}]})");
    if (life == 0) keys.Put("/weft/instances/shop/cart/1", R"({"address": "10.0.0.1", "port": 81})");
    if (life == 0) keys.Put("/weft/services/shop/pay", R"({"ports": [{"port": 80}]})");
    keys.EndAll();
  }
  const PicturePtr all = keys.Make();
  ASSERT_EQ(all->services.size(), 1U);
  EXPECT_TRUE(all->services.begin()->second->instances.empty());
}

TEST(EtcdKeysTest, KeysThatMeanNothingHereAreNamed) {
  Keys keys("/weft/");
  keys.Put("/weft/service/shop/cart", "{}");
  keys.Put("/weft/services/Shop/cart", "{}");
  keys.Put("/weft/instances/shop/cart", "{}");
  keys.Put("/weft/instances/shop/pay/1", R"({"address": "10.0.0.1", "port": 81})");
  keys.Put("/weft/services/shop/cart", R"({"name": "card", "ports": [{"port": 80}]})");
  const std::string said = Said(keys);
  for (const char* part : {"/weft/service/shop/cart", "/weft/services/Shop/cart", "/weft/instances/shop/cart",
                           "no key /weft/services/shop/pay", "is 'card'"})
    EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
  EXPECT_TRUE(keys.Make()->services.empty());
}

TEST(EtcdKeysTest, TheNumberOfKeysIsBounded) {
  Keys keys("/weft/", 3);
  keys.BeginAll();
  keys.Put("/weft/services/shop/cart", R"({"ports": [{"port": 80}]})");
  for (int i = 0; i < 5; ++i)
    keys.Put("/weft/instances/shop/cart/" + std::to_string(i), R"({"address": "10.0.0.1", "port": 81})");
  keys.EndAll();
  EXPECT_EQ(keys.Make()->services.begin()->second->instances.size(), 2U);
  EXPECT_NE(Said(keys).find("3 key(s) beyond"), std::string::npos) << Said(keys);
  keys.Delete("/weft/instances/shop/cart/0");
  keys.Put("/weft/instances/shop/cart/9", R"({"address": "10.0.0.1", "port": 81})");
  EXPECT_EQ(keys.Make()->services.begin()->second->instances.size(), 2U);
}

TEST(EtcdKeysTest, ARangeEndsBehindItsPrefix) {
  EXPECT_EQ(RangeEnd("/weft/"), "/weft0");
  EXPECT_EQ(RangeEnd(std::string("a\xff")), "b");
  EXPECT_EQ(RangeEnd("\xff"), std::string(1, '\0'));
}

}  // namespace
}  // namespace weft::intake::etcd
