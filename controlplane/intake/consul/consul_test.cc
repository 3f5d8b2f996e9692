#include "controlplane/intake/consul/consul.h"

#include "controlplane/intake/conformance.h"
#include "controlplane/intake/consul/fake_consul.h"

namespace weft::intake::consul {
namespace {

using std::chrono::milliseconds;

class ConsulWorld final : public World {
 public:
  std::string owner() const override { return "consul"; }
  void Connect(Scene& scene) override {
    Options options;
    options.address = {"127.0.0.1", fake.port()};
    options.retry_min = options.retry_max = milliseconds(5);
    options.wait = wait;
    source_ = std::make_unique<Consul>(context, scene.life->registrar.Add("consul"), options);
    (void)source_->Start();
  }
  void Disconnect() override { source_.reset(); }
  void Put(const Placed& placed) override {
    FakeInstance one;
    one.port = placed.port;
    one.maintenance = placed.state == Placed::State::kDraining;
    fake.Put(placed.service, placed.id, one);
  }
  void Remove(const std::string& service, const std::string& id) override { fake.Remove(service, id); }
  void GoDown() override { fake.GoDown(); }
  void ComeBack() override { fake.ComeBack(); }
  void Turn() override {
    context.restart();
    context.run_for(milliseconds(3));
  }

  boost::asio::io_context context{1};
  FakeConsul fake{context};
  Duration wait = std::chrono::seconds(30);

 private:
  std::unique_ptr<Consul> source_;
};

INSTANTIATE_TEST_SUITE_P(Consul, SourceConformance,
                         testing::Values([] { return std::make_unique<ConsulWorld>(); }));

class ConsulTest : public SourceTest<ConsulWorld> {
 protected:
  void SetUp() override {
    world.Connect(scene);
    world.Put({"cart", "a", 8001});
    ASSERT_TRUE(Comes([&] { return scene.At("cart", 8001).has_value(); }));
  }
};

TEST_F(ConsulTest, AnIndexThatGoesBackBeginsAnewAndForgetsNothing) {
  world.Disconnect();
  world.wait = milliseconds(50);  // a query that waits for an index to come is answered only after that
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return Look().up; }));
  world.fake.ResetIndex(2);
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8002).has_value(); }));
  EXPECT_TRUE(scene.At("cart", 8001));
  EXPECT_TRUE(Look().up);
}

TEST_F(ConsulTest, HealthIsTheWorstOfItsChecks) {
  const auto declared = [&] { return scene.At("cart", 8001)->instance().declared(); };
  EXPECT_EQ(declared(), v1::DECLARED_HEALTHY);
  FakeInstance one;
  one.port = 8001;
  one.status = "warning";
  world.fake.Put("cart", "a", one);
  EXPECT_TRUE(Comes([&] { return declared() == v1::DECLARED_DEGRADED; }));
  one.status = "critical";
  world.fake.Put("cart", "a", one);
  EXPECT_TRUE(Comes([&] { return declared() == v1::DECLARED_UNHEALTHY; }));
}

TEST_F(ConsulTest, MetaSaysPortProtocolZoneAndLabels) {
  FakeInstance one;
  one.port = 9001;
  one.meta = {{"weft-port", "8080"}, {"weft-protocol", "GRPC"}, {"weft-zone", "a"}, {"version", "v2"}};
  world.fake.Put("pay", "p", one);
  ASSERT_TRUE(Comes([&] { return scene.At("pay", 9001).has_value(); }));
  EXPECT_EQ(scene.Service("pay").ports(0).port(), 8080U);
  EXPECT_EQ(scene.Service("pay").ports(0).protocol(), v1::PROTOCOL_GRPC);
  EXPECT_EQ(scene.At("pay", 9001)->instance().zone(), "a");
  EXPECT_EQ(scene.At("pay", 9001)->instance().labels(0).value(), "v2");
}

TEST_F(ConsulTest, AnAnswerThatMakesNoSenseIsAnErrorAndTheLastKnownStays) {
  world.fake.body_instead = "[[[";
  world.Put({"cart", "b", 8002});
  ASSERT_TRUE(Comes([&] { return !Look().up; }));
  EXPECT_NE(Look().problem.find("not JSON"), std::string::npos) << Look().problem;
  EXPECT_TRUE(scene.At("cart", 8001));
  world.fake.body_instead.clear();
  EXPECT_TRUE(Comes([&] { return Look().up && scene.At("cart", 8002); }));
}

TEST_F(ConsulTest, AServiceThatMayNotBeReadKeepsItsInstancesAndOthersGoOn) {
  world.fake.service_status["cart"] = 403;
  world.Put({"cart", "b", 8002});
  world.Put({"pay", "p", 9001});
  ASSERT_TRUE(Comes([&] { return scene.At("pay", 9001).has_value(); }));
  EXPECT_TRUE(Comes([&] { return Look().left_out == 1; }));
  EXPECT_TRUE(scene.At("cart", 8001));
  EXPECT_FALSE(scene.At("cart", 8002));
  EXPECT_TRUE(Look().up);
}

TEST_F(ConsulTest, ARefusedTokenSaysSo) {
  world.fake.status = 403;
  world.fake.body_instead = "Permission denied: token with AccessorID '…' lacks permission";
  world.Put({"cart", "b", 8002});
  ASSERT_TRUE(Comes([&] { return !Look().up; }));
  EXPECT_NE(Look().problem.find("403"), std::string::npos) << Look().problem;
  EXPECT_NE(Look().problem.find("Permission denied"), std::string::npos) << Look().problem;
}

TEST_F(ConsulTest, ItAsksNoMoreOftenThanSomethingChanges) {
  const std::uint64_t before = world.fake.asked();
  const auto end = std::chrono::steady_clock::now() + milliseconds(200);
  while (std::chrono::steady_clock::now() < end) world.Turn();
  EXPECT_LE(world.fake.asked() - before, 4U);
}

TEST(ConsulMappingTest, NamesAddressesAndPortsThatCannotBeUsedAreNamed) {
  const auto bad = ReadHealth("[]", "pay_v2", {});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().where, "service pay_v2");
  const auto host = ReadHealth(
      R"([{"Node": {"ID": "n", "Address": "db.example"}, "Service": {"ID": "a", "Port": 80}, "Checks": null},
          {"Node": {"ID": "n", "Address": "10.0.0.1"}, "Service": {"ID": "b", "Port": 0}},
          {"Node": {"ID": "n", "Address": "10.0.0.1"}, "Service": {"ID": "c", "Port": 81}},
          {"Node": {"ID": "n", "Address": "10.0.0.1"}, "Service": {"Kind": "connect-proxy", "ID": "d", "Port": 81}},
          7, {"Service": []}])",
      "Pay", {});
  ASSERT_TRUE(host);
  EXPECT_EQ(host->service.name(), "pay");
  ASSERT_EQ(host->instances.size(), 1U);
  EXPECT_EQ(host->instances[0].id(), "n/c");
  EXPECT_EQ(host->unusable.size(), 4U);
  EXPECT_FALSE(host->is_proxy);
}

TEST(ConsulMappingTest, AMaintenanceModeIsDrainingAndNoIllness) {
  const auto health = ReadHealth(
      R"([{"Node": {"ID": "n", "Address": "10.0.0.1"}, "Service": {"ID": "a", "Port": 80},
           "Checks": [{"CheckID": "_node_maintenance", "Status": "critical"}]}])",
      "cart", {});
  ASSERT_TRUE(health);
  EXPECT_TRUE(health->instances[0].draining());
  EXPECT_EQ(health->instances[0].declared(), v1::DECLARED_HEALTHY);
}

TEST(ConsulMappingTest, TheCatalogCanBeNarrowedByTag) {
  const auto all = ReadCatalog(R"({"consul": [], "cart": ["mesh"], "pay": null})", "");
  EXPECT_EQ(*all, (std::vector<std::string>{"cart", "pay"}));
  EXPECT_EQ(*ReadCatalog(R"({"consul": [], "cart": ["mesh"], "pay": null})", "mesh"),
            (std::vector<std::string>{"cart"}));
  EXPECT_FALSE(ReadCatalog("[]", ""));
}

}  // namespace
}  // namespace weft::intake::consul
