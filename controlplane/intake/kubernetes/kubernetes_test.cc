#include "controlplane/intake/kubernetes/kubernetes.h"

#include "controlplane/intake/conformance.h"
#include "controlplane/intake/kubernetes/fake_kubernetes.h"
#include "controlplane/intake/kubernetes/mapping.h"

namespace weft::intake::kubernetes {
namespace {

using std::chrono::milliseconds;

Json ServiceJson(const std::string& name) {
  return {
      {"metadata",
       {{"name", name}, {"namespace", "default"}, {"labels", {{"team", "shop"}}}, {"managedFields", {1, 2}}}},
      {"spec",
       {{"type", "ClusterIP"},
        {"clusterIPs", {"10.96.0.7"}},
        {"ports", Json::array({{{"port", 80}, {"protocol", "TCP"}, {"targetPort", 8080}}})}}}};
}

Json SliceJson(const std::string& service, const std::string& name, std::uint16_t port,
               const char* family = "IPv4") {
  return {{"metadata",
           {{"name", name}, {"namespace", "default"}, {"labels", {{"kubernetes.io/service-name", service}}}}},
          {"addressType", family},
          {"ports", Json::array({{{"name", ""}, {"port", port}, {"protocol", "TCP"}}})},
          {"endpoints", Json::array()}};
}

Json EndpointJson(const std::string& id, const Placed::State state,
                  const std::string& address = "127.0.0.1") {
  const bool serving = state == Placed::State::kServing;
  return {{"addresses", {address}},
          {"conditions", {{"ready", serving}, {"serving", true}, {"terminating", !serving}}},
          {"targetRef", {{"kind", "Pod"}, {"name", id}, {"uid", "uid-" + id}}},
          {"zone", "a"}};
}

class KubernetesWorld final : public World {
 public:
  std::string owner() const override { return "kubernetes"; }
  void Connect(Scene& scene) override {
    Options options;
    options.config = fake.config();
    options.retry_min = options.retry_max = milliseconds(5);
    source_ = std::make_unique<Kubernetes>(context, scene.life->registrar.Add("kubernetes"), options);
    (void)source_->Start();
  }
  void Disconnect() override {
    source_.reset();
    Turn();
  }
  void Put(const Placed& placed) override {
    placed_[placed.service][placed.id] = placed;
    Write(placed.service);
  }
  void Remove(const std::string& service, const std::string& id) override {
    placed_[service].erase(id);
    Write(service);
  }
  void GoDown() override { fake.GoDown(); }
  void ComeBack() override { fake.ComeBack(); }
  void Turn() override {
    context.restart();
    context.run_for(milliseconds(3));
  }

  boost::asio::io_context context{1};
  FakeKubernetes fake{context};

 private:
  // A slice for each endpoint: the port of a slice is that of all its endpoints.
  void Write(const std::string& service) {
    if (!written_.contains(service)) fake.Put("services", ServiceJson(service));
    for (const std::string& gone : written_[service]) {
      if (!placed_[service].contains(gone)) fake.Delete("endpointslices", "default/" + service + "-" + gone);
    }
    written_[service].clear();
    for (const auto& [id, placed] : placed_[service]) {
      Json slice = SliceJson(service, service + "-" + id, placed.port);
      slice["endpoints"].push_back(EndpointJson(id, placed.state));
      fake.Put("endpointslices", slice);
      written_[service].insert(id);
    }
  }
  std::map<std::string, std::map<std::string, Placed>> placed_;
  std::map<std::string, std::set<std::string>> written_;
  std::unique_ptr<Kubernetes> source_;
};

INSTANTIATE_TEST_SUITE_P(Kubernetes, SourceConformance,
                         testing::Values([] { return std::make_unique<KubernetesWorld>(); }));

class KubernetesTest : public SourceTest<KubernetesWorld> {
 protected:
  void SetUp() override {
    world.Connect(scene);
    world.Put({"cart", "a", 8001});
    ASSERT_TRUE(Comes([&] { return scene.At("cart", 8001).has_value() && world.fake.watches >= 2; }));
  }
};

TEST_F(KubernetesTest, AForgottenVersionLeadsToANewListAndLosesNothing) {
  const std::uint64_t lists = world.fake.lists;
  world.fake.Forget();
  world.fake.EndWatches();
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8002).has_value(); }));
  EXPECT_TRUE(scene.At("cart", 8001));
  EXPECT_TRUE(Comes([&] { return world.fake.lists > lists; }));
  EXPECT_EQ(Look().errors, 0U) << "it was never away";
}

TEST_F(KubernetesTest, AWatchWhoseTimeIsOverGoesOnFromTheLastBookmark) {
  world.fake.Say("services", R"({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "4711"}}})");
  for (int i = 0; i < 20; ++i) world.Turn();
  const std::uint64_t lists = world.fake.lists, watches = world.fake.watches;
  world.fake.EndWatches();
  ASSERT_TRUE(Comes([&] { return world.fake.watches >= watches + 2; }));
  EXPECT_EQ(world.fake.lists, lists);
  EXPECT_NE(world.fake.last_watch.find("allowWatchBookmarks=true"), std::string::npos);
}

TEST_F(KubernetesTest, EventsThatMakeNoSenseAreAnErrorAndANewList) {
  world.fake.Say("endpointslices", R"({"type": "ADDED", "object": [[[)");
  ASSERT_TRUE(Comes([&] { return Look().errors > 0; }));
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return Look().up && scene.At("cart", 8002); }));
  EXPECT_TRUE(scene.At("cart", 8001));
}

TEST_F(KubernetesTest, MissingRightsAreSaidInTheServersWords) {
  world.fake.status = 403;
  world.fake.EndWatches();
  ASSERT_TRUE(Comes([&] { return !Look().up; }));
  EXPECT_NE(Look().problem.find("403"), std::string::npos) << Look().problem;
  EXPECT_NE(Look().problem.find("cannot list"), std::string::npos) << Look().problem;
  EXPECT_TRUE(scene.At("cart", 8001));
}

TEST_F(KubernetesTest, AServerThatRefusesForAWhileIsAskedAgainAndLosesNothing) {
  for (const int status : {429, 500, 503}) {
    world.fake.status = status;
    world.fake.EndWatches();
    ASSERT_TRUE(Comes([&] { return !Look().up; })) << status;
    EXPECT_NE(Look().problem.find(std::to_string(status)), std::string::npos) << Look().problem;
    world.fake.status = 200;
    ASSERT_TRUE(Comes([&] { return Look().up; })) << status;
    EXPECT_TRUE(scene.At("cart", 8001)) << status;
  }
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8002).has_value(); }));
}

TEST_F(KubernetesTest, AWatchThatEndsWithinAnEventIsGoneOnWith) {
  const std::uint64_t watches = world.fake.watches;
  world.fake.SayHalf("endpointslices", R"({"type": "DELETED", "object": {"metadata": {"name": "cart-a")");
  for (int i = 0; i < 20; ++i) world.Turn();
  world.fake.EndWatches();
  ASSERT_TRUE(Comes([&] { return world.fake.watches >= watches + 2; }));
  world.Put({"cart", "b", 8002});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8002).has_value(); }));
  EXPECT_TRUE(scene.At("cart", 8001));
}

TEST_F(KubernetesTest, AListOfManyPagesIsReadWhole) {
  world.Disconnect();
  for (int i = 0; i < 1200; ++i) world.fake.Put("services", ServiceJson("many-" + std::to_string(i)));
  world.Connect(scene);
  EXPECT_TRUE(Comes([&] { return Look().services == 1201; })) << Look().services;
}

TEST_F(KubernetesTest, ADeletedServiceLosesItsInstances) {
  world.fake.Delete("services", "default/cart");
  EXPECT_TRUE(Comes([&] { return scene.Instances("cart").empty(); }));
}

// --- mapping ---

FoundPtr Mapped(const Json& service, const std::vector<Json>& slices) {
  std::vector<ObjectPtr> shared;
  for (const Json& slice : slices) shared.push_back(std::make_shared<const Json>(slice));
  const auto found = Map(service, shared, nullptr);
  EXPECT_TRUE(found) << (found ? "" : found.error().Text());
  return found ? *found : nullptr;
}

TEST(KubernetesMappingTest, PortsProtocolsAndAddressesOfTheService) {
  Json service = ServiceJson("cart");
  service["metadata"]["annotations"]["weft.dev/opaque-ports"] = "6379,nonsense";
  service["spec"]["clusterIPs"] = {"10.96.0.7", "fd00::7"};
  service["spec"]["ports"] =
      Json::parse(R"([{"name": "web", "port": 80}, {"name": "rpc", "port": 81, "appProtocol": "grpc"},
    {"name": "h2", "port": 82, "appProtocol": "kubernetes.io/h2c"}, {"name": "dns", "port": 53, "protocol": "UDP"},
    {"name": "redis", "port": 6379}])");
  const FoundPtr found = Mapped(service, {});
  const resource::MeshServiceSpec& spec = found->document->mesh_service();
  ASSERT_EQ(spec.ports.size(), 4U);
  EXPECT_EQ(spec.ports[0].protocol, policy::Protocol::kDetect);
  EXPECT_EQ(spec.ports[1].protocol, policy::Protocol::kGrpc);
  EXPECT_EQ(spec.ports[2].protocol, policy::Protocol::kHttp2);
  EXPECT_EQ(spec.ports[3].protocol, policy::Protocol::kTcp);
  EXPECT_EQ(spec.addresses, (std::vector<std::string>{"10.96.0.7", "fd00::7"}));
  EXPECT_EQ(found->document->metadata.labels.at("team"), "shop");
}

TEST(KubernetesMappingTest, WhatHasNoPortOfTcpOrLivesElsewhereIsNone) {
  Json service = ServiceJson("cart");
  service["spec"]["type"] = "ExternalName";
  EXPECT_EQ(Mapped(service, {}), nullptr);
  service = ServiceJson("cart");
  service["spec"]["ports"] = Json::parse(R"([{"port": 53, "protocol": "UDP"}])");
  EXPECT_EQ(Mapped(service, {}), nullptr);
  service = ServiceJson("headless");
  service["spec"]["clusterIPs"] = {"None"};
  EXPECT_TRUE(Mapped(service, {})->document->mesh_service().addresses.empty());
}

TEST(KubernetesMappingTest, ReadyServesTerminatingDrainsAndTheRestIsNone) {
  Json slice = SliceJson("cart", "cart-1", 8080);
  const auto add = [&](const char* id, const char* conditions) {
    Json endpoint = EndpointJson(id, Placed::State::kServing);
    endpoint["conditions"] = Json::parse(conditions);
    slice["endpoints"].push_back(endpoint);
  };
  add("ready", R"({"ready": true})");
  add("unsaid", "{}");
  add("starting", R"({"ready": false, "serving": false, "terminating": false})");
  add("ending", R"({"ready": false, "serving": true, "terminating": true})");
  add("ended", R"({"ready": false, "serving": false, "terminating": true})");
  const FoundPtr found = Mapped(ServiceJson("cart"), {slice});
  std::map<std::string, bool> draining;
  for (const v1::Instance& one : found->instances) draining[one.id()] = one.draining();
  EXPECT_EQ(draining,
            (std::map<std::string, bool>{{"uid-ready", false}, {"uid-unsaid", false}, {"uid-ending", true}}));
  EXPECT_EQ(found->instances[0].zone(), "a");
  EXPECT_EQ(found->instances[0].port(), 8080U);
}

TEST(KubernetesMappingTest, APodOfTwoFamiliesIsOneInstanceAtItsFirst) {
  Json four = SliceJson("cart", "cart-4", 8080), six = SliceJson("cart", "cart-6", 8080, "IPv6");
  four["endpoints"].push_back(EndpointJson("a", Placed::State::kServing, "10.0.0.1"));
  six["endpoints"].push_back(EndpointJson("a", Placed::State::kServing, "fd00::1"));
  six["endpoints"].push_back(EndpointJson("b", Placed::State::kServing, "fd00::2"));
  const FoundPtr found = Mapped(ServiceJson("cart"), {six, four});
  ASSERT_EQ(found->instances.size(), 2U);
  EXPECT_EQ(found->instances[0].address(), "10.0.0.1");
  EXPECT_EQ(found->instances[1].address(), "fd00::2");
  Json service = ServiceJson("cart");
  service["spec"]["ipFamilies"] = {"IPv6", "IPv4"};
  EXPECT_EQ(Mapped(service, {six, four})->instances[0].address(), "fd00::1");
}

TEST(KubernetesMappingTest, NamedPortsAndTheSameDocumentWhenNothingChanged) {
  Json service = ServiceJson("cart");
  service["spec"]["ports"] = Json::parse(R"([{"name": "web", "port": 80}, {"name": "admin", "port": 81}])");
  Json slice = SliceJson("cart", "cart-1", 0);
  slice["ports"] = Json::parse(
      R"([{"name": "web", "port": 8080}, {"name": "admin", "port": 9090}, {"name": "x", "port": 1, "protocol": "UDP"}])");
  slice["endpoints"].push_back(EndpointJson("a", Placed::State::kServing));
  const FoundPtr first = Mapped(service, {slice});
  ASSERT_EQ(first->instances[0].ports_size(), 2);
  EXPECT_EQ(first->instances[0].ports(0).name(), "admin");
  EXPECT_EQ(first->instances[0].ports(0).port(), 9090U);
  const auto again = Map(service, {}, first);
  EXPECT_EQ((*again)->document, first->document);
}

TEST(KubernetesMappingTest, ForeignShapesAreNoCrash) {
  for (
      const char* text :
      {"7", "[]", "{}", R"({"spec": 7})",
       R"({"metadata": {"name": "x", "namespace": "default"}, "spec": {"ports": [{"port": 80}, 7, {"port": "x"}, {"port": 99999999999}], "clusterIPs": [7, "x"]}})"}) {
    (void)Map(Json::parse(text),
              {std::make_shared<const Json>(
                  Json::parse(R"({"endpoints": [7, {"addresses": "x"}, {"addresses": [7]}], "ports": 7})"))},
              nullptr);
  }
}

}  // namespace
}  // namespace weft::intake::kubernetes
