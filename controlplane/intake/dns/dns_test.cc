#include "controlplane/intake/dns/dns.h"

#include "controlplane/intake/conformance.h"
#include "controlplane/intake/dns/fake_dns.h"

namespace weft::intake::dns {
namespace {

using std::chrono::milliseconds;

class DnsWorld final : public World {
 public:
  DnsWorld() {
    options.min_ttl = options.retry_min = options.retry_max = milliseconds(2);
    options.resolver.timeout = milliseconds(200);
    options.resolver.tries = 1;
    for (const char* name : {"cart", "pay"}) {
      Name one;
      one.service.set_namespace_("default");
      one.service.set_name(name);
      one.service.add_ports()->set_port(80);
      one.host = std::string("_http._tcp.") + name + ".test";
      one.srv = true;
      options.names.push_back(one);
    }
  }
  std::string owner() const override { return "dns"; }
  bool has_uids() const override { return false; }
  bool drains() const override { return false; }
  void Connect(Scene& scene) override {
    Options now = options;
    now.resolver.servers = {{net::Ip::V4(127, 0, 0, 1), fake.port()}};
    now.wall_clock = [&scene] { return WallTime(scene.Now().time_since_epoch()); };
    for (const ServiceKey& service : scene.control().ServicesOf("dns"))
      now.known[service] = scene.control().Discovered("dns", service);
    source_ = std::make_unique<Dns>(context, scene.life->registrar.Add("dns"), now);
    ASSERT_TRUE(source_->Start());
  }
  void Disconnect() override { source_.reset(); }
  void Put(const Placed& placed) override {
    placed_[placed.service][placed.id] = placed;
    Tell(placed.service);
  }
  void Remove(const std::string& service, const std::string& id) override {
    placed_[service].erase(id);
    Tell(service);
  }
  void GoDown() override { fake.GoDown(); }
  void ComeBack() override { fake.ComeBack(); }
  void Turn() override {
    context.restart();
    context.run_for(milliseconds(3));
  }

  boost::asio::io_context context{1};
  FakeDns fake{context};
  Options options;

 private:
  void Tell(const std::string& service) {
    std::vector<Srv> records;
    for (const auto& [id, one] : placed_[service]) {
      records.push_back({0, 1, one.port, id + ".test"});
      fake.SetAddress(id + ".test", "127.0.0.1");
    }
    fake.SetServices("_http._tcp." + service + ".test", records);
  }
  std::map<std::string, std::map<std::string, Placed>> placed_;
  std::unique_ptr<Dns> source_;
};

INSTANTIATE_TEST_SUITE_P(Dns, SourceConformance,
                         testing::Values([] { return std::make_unique<DnsWorld>(); }));

class DnsTest : public SourceTest<DnsWorld> {
 protected:
  void UseAddresses() {
    world.options.names.resize(1);
    world.options.names[0].host = "cart.test";
    world.options.names[0].srv = false;
    world.options.names[0].port = 8080;
  }
  std::set<std::string> Addresses() {
    std::set<std::string> out;
    for (const auto& one : scene.Instances("cart")) out.insert(one.instance().address());
    return out;
  }
};

TEST_F(DnsTest, AddressesOfBothFamiliesAreInstances) {
  UseAddresses();
  world.fake.SetAddress("cart.test", "10.0.0.1");
  world.fake.SetAddress("cart.test", "fd00::1");
  world.Connect(scene);
  EXPECT_TRUE(Comes([&] { return Addresses() == std::set<std::string>{"10.0.0.1", "fd00::1"}; }));
  EXPECT_TRUE(scene.At("cart", 8080));
}

TEST_F(DnsTest, AnAddressThatComesBackIsAnotherInstance) {
  UseAddresses();
  world.fake.SetAddress("cart.test", "10.0.0.1");
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return scene.At("cart", 8080).has_value(); }));
  const std::string before = scene.At("cart", 8080)->instance().id();
  world.fake.SetAddress("cart.test", "10.0.0.2");
  ASSERT_TRUE(Comes([&] { return Addresses() == std::set<std::string>{"10.0.0.2"}; }));
  scene.Advance(std::chrono::seconds(1));
  world.fake.SetAddress("cart.test", "10.0.0.1");
  ASSERT_TRUE(Comes([&] { return Addresses() == std::set<std::string>{"10.0.0.1"}; }));
  EXPECT_NE(scene.At("cart", 8080)->instance().id(), before);
}

TEST_F(DnsTest, ANameIsAskedAgainWhenItsTimeToLiveIsOver) {
  UseAddresses();
  world.fake.ttl = 3600;
  world.fake.SetAddress("cart.test", "10.0.0.1");
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return scene.At("cart", 8080).has_value(); }));
  const int asked = world.fake.asked;
  const auto end = std::chrono::steady_clock::now() + milliseconds(100);
  while (std::chrono::steady_clock::now() < end) world.Turn();
  EXPECT_EQ(world.fake.asked, asked);
  world.Disconnect();
  world.options.max_ttl = milliseconds(5);
  world.Connect(scene);
  EXPECT_TRUE(Comes([&] { return world.fake.asked > asked + 10; }));
}

TEST_F(DnsTest, OfServicesTheLowestPriorityCountsWithItsWeights) {
  world.fake.SetAddress("a.test", "10.0.0.1");
  world.fake.SetServices("_http._tcp.cart.test",
                         {{1, 30, 8001, "a.test"}, {1, 0, 8002, "a.test"}, {2, 1, 8003, "a.test"}});
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return scene.Instances("cart").size() == 2; }));
  EXPECT_EQ(scene.At("cart", 8001)->instance().weight(), 30U);
  EXPECT_EQ(scene.At("cart", 8002)->instance().weight(), 1U);
  EXPECT_EQ(scene.At("cart", 8001)->instance().labels(0).value(), "a.test");
}

TEST_F(DnsTest, AServerThatFailsIsNoAnswer) {
  UseAddresses();
  world.fake.SetAddress("cart.test", "10.0.0.1");
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return scene.At("cart", 8080).has_value(); }));
  for (const int code : {2, 5}) {  // SERVFAIL, REFUSED
    world.fake.rcode = code;
    ASSERT_TRUE(Comes([&] { return !Look().up; }));
    EXPECT_TRUE(scene.At("cart", 8080));
    world.fake.rcode = 0;
    ASSERT_TRUE(Comes([&] { return Look().up; }));
  }
  world.fake.cut = 5;
  ASSERT_TRUE(Comes([&] { return !Look().up; }));
  world.fake.cut = 0;
  world.fake.silent = true;
  ASSERT_TRUE(Comes([&] { return !Look().up; }));
  EXPECT_TRUE(scene.At("cart", 8080));
}

TEST_F(DnsTest, ANameThatIsGoneIsBelievedTheSecondTime) {
  UseAddresses();
  world.fake.SetAddress("cart.test", "10.0.0.1");
  world.Connect(scene);
  ASSERT_TRUE(Comes([&] { return scene.At("cart", 8080).has_value(); }));
  world.fake.Forget("cart.test");
  EXPECT_TRUE(Comes([&] { return scene.Instances("cart").empty(); }));
  EXPECT_TRUE(Look().up);
}

TEST(DnsAnswerTest, WhatIsCutOffAnywhereIsRefused) {
  const std::string message(
      "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\1a\0\0\1\0\1"
      "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"
      "\xc0\x0c\0\x21\0\1\0\0\0\x1e\0\x0a\0\1\0\2\x1f\x90\1b\xc0\x0c",
      57);
  const auto bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  for (std::size_t length = 0; length < message.size(); ++length)
    EXPECT_FALSE(ReadAnswer({bytes, length})) << length;
}

TEST(DnsAnswerTest, AddressesServicesAndTheShortestTimeToLiveAreRead) {
  const std::string message(
      "\x12\x34\x81\x80\0\1\0\2\0\0\0\0\1a\0\0\1\0\1"
      "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0\1"
      "\xc0\x0c\0\x21\0\1\0\0\0\x1e\0\x0a\0\1\0\2\x1f\x90\1b\xc0\x0c",
      57);
  const auto answer = ReadAnswer({reinterpret_cast<const std::uint8_t*>(message.data()), message.size()});
  ASSERT_TRUE(answer) << answer.error().Text();
  ASSERT_EQ(answer->addresses.size(), 1U);
  EXPECT_EQ(answer->addresses[0].ToString(), "10.0.0.1");
  ASSERT_EQ(answer->services.size(), 1U);
  EXPECT_EQ(answer->services[0].priority, 1);
  EXPECT_EQ(answer->services[0].weight, 2);
  EXPECT_EQ(answer->services[0].port, 8080);
  EXPECT_EQ(answer->services[0].target, "b.a");
  EXPECT_EQ(answer->ttl, std::chrono::seconds(30));
}

}  // namespace
}  // namespace weft::intake::dns
