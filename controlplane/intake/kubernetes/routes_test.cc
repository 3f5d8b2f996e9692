// Routes and policies from the API server, and the status of routes back to it.
#include <gtest/gtest.h>

#include "controlplane/api/foreign.h"
#include "controlplane/intake/kubernetes/fake_kubernetes.h"
#include "controlplane/intake/kubernetes/kubernetes.h"
#include "controlplane/intake/kubernetes/status.h"
#include "controlplane/intake/scene.h"

namespace weft::intake::kubernetes {
namespace {

using std::chrono::milliseconds;

constexpr const char* kService = R"({"metadata": {"name": "NAME", "namespace": "default"},
  "spec": {"clusterIPs": ["10.96.0.7"], "ports": [{"port": 80, "protocol": "TCP"}]}})";

Json PlainService(const std::string& name, const std::string& ns = "default") {
  Json service = Json::parse(kService);
  service["metadata"]["name"] = name;
  service["metadata"]["namespace"] = ns;
  return service;
}

// As the API server has it: defaults written out, metadata of its own.
Json RouteJson(const std::string& name, const std::string& parent, const std::string& backend,
               const std::string& backend_ns = {}) {
  Json route = {{"apiVersion", "gateway.networking.k8s.io/v1"},
                {"kind", "HTTPRoute"},
                {"metadata",
                 {{"name", name},
                  {"namespace", "default"},
                  {"generation", 3},
                  {"creationTimestamp", "2026-11-23T04:05:06Z"},
                  {"annotations", {{"kubectl.kubernetes.io/last-applied-configuration", "{}"}}}}}};
  Json ref = {{"group", ""}, {"kind", "Service"}, {"name", backend}, {"port", 80}, {"weight", 1}};
  if (!backend_ns.empty()) ref["namespace"] = backend_ns;
  Json match = {{"path", {{"type", "PathPrefix"}, {"value", "/"}}}};
  route["spec"] = {
      {"parentRefs", Json::array({{{"group", ""}, {"kind", "Service"}, {"name", parent}}})},
      {"rules", Json::array({{{"matches", Json::array({match})}, {"backendRefs", Json::array({ref})}}})}};
  return route;
}

class RoutesWorld final : public World {
 public:
  std::string owner() const override { return "kubernetes"; }
  void Connect(Scene& scene) override {
    api::Control& control = scene.control();
    Options options;
    options.config = fake.config();
    options.retry_min = options.retry_max = options.absent = milliseconds(5);
    options.status.emplace();
    options.status->leads = [this] { return leads; };
    options.status->revision = [&control] { return control.version().revision; };
    options.status->judged = [&control] { return control.JudgedOf("kubernetes"); };
    options.status->check = [&control](const resource::DocumentPtr& document) {
      return control.CheckOwned("kubernetes", document);
    };
    options.status->retry = milliseconds(5);
    source = std::make_unique<Kubernetes>(context, scene.life->registrar.Add("kubernetes"), options);
    (void)source->Start();
  }
  void Disconnect() override {
    source.reset();
    Turn();
  }
  void Put(const Placed&) override {}
  void Remove(const std::string&, const std::string&) override {}
  void GoDown() override { fake.GoDown(); }
  void ComeBack() override { fake.ComeBack(); }
  void Turn() override {
    if (source != nullptr) source->Look();
    context.restart();
    context.run_for(milliseconds(3));
  }

  boost::asio::io_context context{1};
  FakeKubernetes fake{context};
  bool leads = true;
  std::unique_ptr<Kubernetes> source;
};

class RoutesTest : public SourceTest<RoutesWorld> {
 protected:
  void SetUp() override {
    world.fake.Put("services", PlainService("cart"));
    world.fake.Put("services", PlainService("cart-v1"));
    world.Connect(scene);
    ASSERT_TRUE(Comes([&] {
      return scene.control().OwnerOf(ServiceKey{"local", "default", "cart"}).has_value();
    }));
  }
  bool Has(const std::string& kind, const std::string& name) {
    return scene.control()
        .OwnerOf(store::Key{kind, kind == "MeshDefaults" ? "" : "default", name})
        .has_value();
  }
  // "True Accepted", "False BackendNotFound", …; empty: it is not written.
  std::string Condition(const std::string& route, const std::string& type) {
    const Json& parents =
        api::At(api::At(world.fake.Get("httproutes", "default/" + route), "status"), "parents");
    for (const Json& parent : parents) {
      if (parent["controllerName"] != kController) continue;
      for (const Json& condition : parent["conditions"]) {
        if (condition["type"] == type)
          return condition["status"].get<std::string>() + " " + condition["reason"].get<std::string>();
      }
    }
    return {};
  }
};

TEST_F(RoutesTest, ARouteIsInForceAndItsStatusSaysSoOnce) {
  world.fake.Put("httproutes", RouteJson("split", "cart", "cart-v1"));
  ASSERT_TRUE(Comes([&] { return Condition("split", "Accepted") == "True Accepted"; }));
  EXPECT_TRUE(Has("HTTPRoute", "split"));
  EXPECT_EQ(Condition("split", "ResolvedRefs"), "True ResolvedRefs");
  for (int i = 0; i < 20; ++i) world.Turn();
  EXPECT_EQ(world.fake.applied, 1U);
  const Json& condition =
      world.fake.Get("httproutes", "default/split")["status"]["parents"][0]["conditions"][0];
  EXPECT_EQ(condition["observedGeneration"], 3);
  world.fake.Delete("httproutes", "default/split");
  EXPECT_TRUE(Comes([&] { return !Has("HTTPRoute", "split"); }));
}

TEST_F(RoutesTest, AMissingBackendIsToldAndMendedWhenItComes) {
  world.fake.Put("httproutes", RouteJson("split", "cart", "later"));
  ASSERT_TRUE(Comes([&] { return Condition("split", "ResolvedRefs") == "False BackendNotFound"; }));
  EXPECT_EQ(Condition("split", "Accepted"), "True Accepted");
  world.fake.Put("services", PlainService("later"));
  EXPECT_TRUE(Comes([&] { return Condition("split", "ResolvedRefs") == "True ResolvedRefs"; }));
}

TEST_F(RoutesTest, AParentThatIsMissingIsNoMatchingParent) {
  world.fake.Put("httproutes", RouteJson("split", "nobody", "cart"));
  EXPECT_TRUE(Comes([&] { return Condition("split", "Accepted") == "False NoMatchingParent"; }));
  EXPECT_EQ(Condition("split", "ResolvedRefs"), "Unknown Pending");
}

TEST_F(RoutesTest, WhatWeftDoesNotDoIsUnsupportedAndTheLastGoodVersionStays) {
  world.fake.Put("httproutes", RouteJson("split", "cart", "cart-v1"));
  ASSERT_TRUE(Comes([&] { return Has("HTTPRoute", "split"); }));
  Json bad = RouteJson("bad", "cart", "cart-v1");
  bad["spec"]["rules"][0]["filters"] = Json::array({{{"type", "CORS"}, {"cors", Json::object()}}});
  world.fake.Put("httproutes", bad);
  EXPECT_TRUE(Comes([&] { return Condition("bad", "Accepted") == "False UnsupportedValue"; }));
  EXPECT_EQ(Condition("bad", "ResolvedRefs"), "Unknown Pending");
  EXPECT_FALSE(Has("HTTPRoute", "bad"));
  bad["metadata"]["name"] = "split";
  world.fake.Put("httproutes", bad);
  EXPECT_TRUE(Comes([&] { return Condition("split", "Accepted") == "False UnsupportedValue"; }));
  EXPECT_TRUE(Has("HTTPRoute", "split"));
}

TEST_F(RoutesTest, AnotherNamespaceNeedsAGrant) {
  world.fake.Put("services", PlainService("stock", "depot"));
  world.fake.Put("httproutes", RouteJson("split", "cart", "stock", "depot"));
  ASSERT_TRUE(Comes([&] { return Condition("split", "ResolvedRefs") == "False RefNotPermitted"; }));
  world.fake.Put("referencegrants", Json::parse(R"({"metadata": {"name": "g", "namespace": "depot"}, "spec": {
    "from": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "default"}],
    "to": [{"group": "", "kind": "Service"}]}})"));
  ASSERT_TRUE(Comes([&] { return Condition("split", "ResolvedRefs") == "True ResolvedRefs"; }));
  world.fake.Delete("referencegrants", "depot/g");
  EXPECT_TRUE(Comes([&] { return Condition("split", "ResolvedRefs") == "False RefNotPermitted"; }));
}

TEST_F(RoutesTest, AConsumersRouteMaySendToTheNamespaceItIsAbout) {
  world.fake.Put("services", PlainService("stock", "depot"));
  Json route = RouteJson("consumer", "stock", "stock", "depot");
  route["spec"]["parentRefs"][0]["namespace"] = "depot";
  world.fake.Put("httproutes", route);
  EXPECT_TRUE(Comes([&] { return Condition("consumer", "ResolvedRefs") == "True ResolvedRefs"; }));
}

TEST_F(RoutesTest, OnlyTheLeaderWritesStatuses) {
  world.leads = false;
  world.fake.Put("httproutes", RouteJson("split", "cart", "cart-v1"));
  ASSERT_TRUE(Comes([&] { return Has("HTTPRoute", "split"); }));
  for (int i = 0; i < 20; ++i) world.Turn();
  EXPECT_EQ(world.fake.applied, 0U);
  world.leads = true;
  EXPECT_TRUE(Comes([&] { return Condition("split", "Accepted") == "True Accepted"; }));
}

TEST_F(RoutesTest, RoutesOfGatewaysAreOthersBusiness) {
  Json route = RouteJson("edge", "cart", "cart-v1");
  route["spec"]["parentRefs"][0] = {
      {"group", "gateway.networking.k8s.io"}, {"kind", "Gateway"}, {"name", "g"}};
  world.fake.Put("httproutes", route);
  world.fake.Put("httproutes", RouteJson("split", "cart", "cart-v1"));
  ASSERT_TRUE(Comes([&] { return Condition("split", "Accepted") == "True Accepted"; }));
  EXPECT_FALSE(Has("HTTPRoute", "edge"));
  EXPECT_FALSE(world.fake.Get("httproutes", "default/edge").contains("status"));
}

TEST_F(RoutesTest, WeftsOwnKindsAreReadAndRefusedOnesLeaveTheRest) {
  const auto own = [](const char* kind, const char* name, const char* spec) {
    Json out = {{"apiVersion", "weft.dev/v1"},
                {"kind", kind},
                {"metadata", {{"name", name}, {"namespace", "default"}}}};
    out["spec"] = Json::parse(spec);
    return out;
  };
  world.fake.Put("servicepolicies",
                 own("ServicePolicy", "good",
                     R"({"targetRefs": [{"kind": "Service", "name": "cart"}], "retry": {"attempts": 1}})"));
  world.fake.Put("servicepolicies",
                 own("ServicePolicy", "bad",
                     R"({"targetRefs": [{"kind": "Service", "name": "cart"}], "retry": {"attempts": 11}})"));
  world.fake.Put("meshservices",
                 own("MeshService", "vm",
                     R"({"ports": [{"port": 80}], "instances": [{"id": "a", "address": "10.1.1.1"}]})"));
  EXPECT_TRUE(Comes([&] { return Has("ServicePolicy", "good") && Has("MeshService", "vm"); }));
  EXPECT_FALSE(Has("ServicePolicy", "bad"));
  EXPECT_TRUE(Comes([&] { return Look().left_out == 1; })) << Look().left_out;
}

TEST_F(RoutesTest, AClusterWithoutTheKindsHasServicesAllTheSame) {
  world.Disconnect();
  for (const char* kind : {"httproutes", "grpcroutes", "tcproutes", "tlsroutes", "referencegrants",
                           "meshservices", "servicepolicies", "meshdefaults"})
    world.fake.absent.insert(kind);
  world.Connect(scene);
  world.fake.Put("services", PlainService("new"));
  EXPECT_TRUE(Comes([&] {
    return scene.control().OwnerOf(ServiceKey{"local", "default", "new"}).has_value();
  }));
  world.fake.absent.clear();  // they are installed now
  world.fake.Put("httproutes", RouteJson("split", "cart", "cart-v1"));
  EXPECT_TRUE(Comes([&] { return Has("HTTPRoute", "split"); }));
}

TEST_F(RoutesTest, AKindThatMayNotBeReadKeepsWhatItHadAndHoldsUpNoOther) {
  Json tcp = RouteJson("bytes", "cart", "cart-v1");
  tcp["kind"] = "TCPRoute";
  tcp["spec"]["rules"][0].erase("matches");
  world.fake.Put("tcproutes", tcp);
  ASSERT_TRUE(Comes([&] { return Has("TCPRoute", "bytes"); }));
  world.Disconnect();
  world.fake.forbidden = {"tcproutes"};
  world.Connect(scene);
  world.fake.Put("httproutes", RouteJson("split", "cart", "cart-v1"));
  EXPECT_TRUE(Comes([&] { return Has("HTTPRoute", "split"); }));
  EXPECT_TRUE(Has("TCPRoute", "bytes"));
  EXPECT_EQ(Look().left_out, 1U) << "it is told";
  EXPECT_TRUE(Look().up);
}

// --- the status by itself ---

TEST(RouteStatusTest, EntriesOfOthersStayAndAnUnchangedConditionKeepsItsTime) {
  Json route = RouteJson("split", "cart", "cart-v1");
  route["spec"]["parentRefs"].push_back(
      {{"group", "gateway.networking.k8s.io"}, {"kind", "Gateway"}, {"name", "g"}});
  const Json other = {{"controllerName", "example.com/gateways"},
                      {"parentRef", {{"name", "g"}}},
                      {"conditions", Json::array()}};
  route["status"]["parents"] = Json::array({other});
  const WallTime early{std::chrono::seconds(1'700'000'000)}, late = early + std::chrono::hours(1);
  const auto first = ParentsOf(route, {}, early);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->size(), 2U);
  EXPECT_EQ((*first)[0], other);
  route["status"]["parents"] = *first;
  EXPECT_FALSE(ParentsOf(route, {}, late)) << "it says so already";
  compile::Finding finding;
  finding.code = "BackendNotFound";
  const auto second = ParentsOf(route, {{}, {finding}}, late);
  ASSERT_TRUE(second);
  const Json& conditions = (*second)[1]["conditions"];
  EXPECT_EQ(conditions[0]["lastTransitionTime"], (*first)[1]["conditions"][0]["lastTransitionTime"]);
  EXPECT_NE(conditions[1]["lastTransitionTime"], (*first)[1]["conditions"][1]["lastTransitionTime"]);
  route["spec"]["parentRefs"].erase(0);
  const auto left = ParentsOf(route, {}, late);
  ASSERT_TRUE(left) << "our entry goes with the parent";
  EXPECT_EQ(*left, Json::array({other}));
}

TEST(RouteStatusTest, ForeignShapesAreNoCrash) {
  for (const char* text :
       {"7", "{}",
        R"({"spec": {"parentRefs": [7, {"kind": 7}]}, "status": {"parents": [7, {"conditions": 7}]}})",
        R"({"spec": {"parentRefs": {"a": 1}}, "status": 7})"})
    (void)ParentsOf(Json::parse(text), {}, WallTime{});
}

}  // namespace
}  // namespace weft::intake::kubernetes
