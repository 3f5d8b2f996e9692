#include "common/compile/compile.h"

#include <gtest/gtest.h>

namespace weft::compile {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kCart = R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec:
  ports: [{name: http, port: 80, protocol: HTTP}, {name: admin, port: 81}]
  instances:
  - {id: b, address: 127.0.0.1, ports: {http: 8002}}
  - {id: a, address: 127.0.0.1, port: 8001, weight: 3, zone: z}
)";

std::string RouteText(const std::string& name, const std::string& ns, const std::string& rest) {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name +
         ", namespace: " + ns +
         "}\nspec:\n  parentRefs: [{group: '', kind: Service, name: cart, namespace: default}]\n  rules:\n  "
         "- " +
         rest + "\n";
}

Inputs Parse(const std::string& text) {
  resource::Parsed parsed = resource::ParseDocuments(text, "f.yaml");
  for (const Error& error : parsed.errors) ADD_FAILURE() << error.Text();
  Inputs inputs;
  inputs.documents = std::move(parsed.documents);
  return inputs;
}

const ServiceKey kKey{"local", "default", "cart"};

std::string Findings(const Output& output) {
  std::string text;
  for (const Finding& finding : output.findings) text += finding.code + " " + finding.Text() + "\n";
  return text;
}

TEST(CompileTest, AServiceBecomesABundleAndItsInstancesEndpointsSortedById) {
  const Output output = Compile(Parse(kCart));
  EXPECT_EQ(Findings(output), "");
  ASSERT_EQ(output.bundles.count(kKey), 1U);
  const snapshot::Endpoints& endpoints = output.endpoints.at(kKey);
  const policy::ServiceBundle& bundle = output.bundles.at(kKey);
  ASSERT_EQ(endpoints.instances.size(), 2U);
  EXPECT_EQ(endpoints.instances[0].id, "a");
  EXPECT_EQ(endpoints.instances[0].AddressFor(bundle.ports[1]).ToString(), "127.0.0.1:8001");
  EXPECT_EQ(endpoints.instances[1].AddressFor(bundle.ports[0]).ToString(), "127.0.0.1:8002");
  EXPECT_EQ(endpoints.instances[1].AddressFor(bundle.ports[1]).ToString(), "127.0.0.1:81");
}

TEST(CompileTest, RouteOverServiceOverMeshOverEnvironment) {
  Inputs inputs = Parse(std::string(kCart) + R"(---
apiVersion: weft.dev/v1
kind: MeshDefaults
metadata: {name: default}
spec: {timeouts: {request: 9s, connect: 100ms}, retry: {attempts: 1}}
---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: p}
spec: {targetRefs: [{group: weft.dev, kind: MeshService, name: cart}], timeouts: {request: 8s}}
)" + RouteText("r", "default", "{timeouts: {request: 7s}, backendRefs: [{name: cart, port: 80}]}"));
  inputs.environment.connection_pool.max_connections = 5;
  inputs.environment.retry.attempts = 9;
  const Output output = Compile(inputs);
  EXPECT_EQ(Findings(output), "");
  const policy::ServiceBundle& bundle = output.bundles.at(kKey);
  EXPECT_EQ(bundle.policy.connection_pool.max_connections, 5U);
  EXPECT_EQ(bundle.policy.retry.attempts, 1U);
  EXPECT_EQ(bundle.policy.timeouts.request, seconds(8));
  const policy::RouteRule& rule = bundle.routes.at(0).rules.at(0);
  EXPECT_EQ(rule.timeouts.request, seconds(7));
  EXPECT_EQ(rule.timeouts.connect, milliseconds(100));
  EXPECT_EQ(rule.name, "default/r/0");
  ASSERT_EQ(rule.sources.size(), 3U);
  EXPECT_EQ(rule.sources[0].source, "MeshDefaults default");
  EXPECT_EQ(rule.sources[2].field, "timeouts.request");
  EXPECT_EQ(rule.sources[2].source, "HTTPRoute default/r rule 0");
}

TEST(CompileTest, RoutesComeOldestFirstThenByNameWhateverTheOrderOfTheInputs) {
  const std::string backend = "{backendRefs: [{name: cart, port: 80}]}";
  Inputs inputs = Parse(kCart + RouteText("b", "default", backend) + RouteText("a", "default", backend) +
                        RouteText("old", "other", backend));
  auto old = std::make_shared<resource::Document>(*inputs.documents.back());
  old->metadata.created = 1000;
  inputs.documents.back() = old;
  const Output output = Compile(inputs);
  const std::vector<policy::Route>& routes = output.bundles.at(kKey).routes;
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_EQ(routes[0].name, "other/old");
  EXPECT_TRUE(routes[0].consumer);
  EXPECT_EQ(routes[1].name, "default/a");
  EXPECT_FALSE(routes[1].consumer);
  std::reverse(inputs.documents.begin(), inputs.documents.end());
  EXPECT_EQ(Compile(inputs).bundles.at(kKey).routes[1].name, "default/a");
}

TEST(CompileTest, AnUnresolvedBackendKeepsItsShareAndIsReported) {
  const Output output =
      Compile(Parse(kCart + RouteText("r", "default",
                                      "backendRefs: [{name: gone, port: 80}, {name: cart, port: 9}, "
                                      "{group: x, kind: Y, name: z}, {name: cart, port: 81}]")));
  const std::vector<policy::BackendRef>& backends = output.bundles.at(kKey).routes.at(0).rules.at(0).backends;
  EXPECT_FALSE(backends[0].usable);
  EXPECT_FALSE(backends[1].usable);
  EXPECT_FALSE(backends[2].usable);
  EXPECT_TRUE(backends[3].usable);
  EXPECT_TRUE(output.ok());
  EXPECT_EQ(
      Findings(output),
      "BackendNotFound f.yaml:17:19: HTTPRoute default/r: spec.rules[0].backendRefs[0]: there is no service "
      "default/gone: its share of the requests is answered with 500\n"
      "BackendNotFound f.yaml:17:43: HTTPRoute default/r: spec.rules[0].backendRefs[1]: default/cart has no "
      "port "
      "9: its share of the requests is answered with 500\n"
      "InvalidKind f.yaml:17:66: HTTPRoute default/r: spec.rules[0].backendRefs[2]: refers to neither a "
      "Service "
      "nor a MeshService: its share of the requests is answered with 500\n");
}

TEST(CompileTest, ABackendThatNobodyGrantedIsNotUsed) {
  const Output output =
      Compile(Parse(kCart + RouteText("r", "default",
                                      "backendRefs: [{group: ungranted.weft.dev, kind: Service, namespace: "
                                      "depot, name: stock, port: 80}]")));
  EXPECT_FALSE(output.bundles.at(kKey).routes.at(0).rules.at(0).backends[0].usable);
  EXPECT_EQ(Findings(output).find("RefNotPermitted"), 0U) << Findings(output);
}

TEST(CompileTest, ARouteWithoutItsServiceAndAPolicyWithoutItsTargetAreReported) {
  const Output output =
      Compile(Parse(RouteText("r", "default", "{backendRefs: [{name: cart, port: 80}]}") + R"(---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: p}
spec: {targetRefs: [{kind: Service, name: cart}]}
)"));
  EXPECT_TRUE(output.bundles.empty());
  EXPECT_NE(Findings(output).find("NoMatchingParent"), std::string::npos);
  EXPECT_NE(Findings(output).find("TargetNotFound"), std::string::npos);
}

TEST(CompileTest, AParentsPortOrSectionNameBindsTheRouteToThatPort) {
  std::string text = kCart + RouteText("r", "default", "{backendRefs: [{name: cart, port: 80}]}");
  text.replace(text.find("namespace: default}]"), 20, "namespace: default, sectionName: admin}]");
  EXPECT_EQ(Compile(Parse(text)).bundles.at(kKey).routes.at(0).parent_port, 81);
  text.replace(text.find("sectionName: admin"), 18, "sectionName: other");
  EXPECT_NE(Findings(Compile(Parse(text))).find("has no such port"), std::string::npos);
}

TEST(CompileTest, TwoPoliciesForOneServiceAreAConflictThatTheOlderWins) {
  const auto policy = [](const std::string& name, const std::string& attempts) {
    return "---\napiVersion: weft.dev/v1\nkind: ServicePolicy\nmetadata: {name: " + name +
           "}\nspec: {targetRefs: [{kind: Service, name: cart}], retry: {attempts: " + attempts + "}}\n";
  };
  const Output output = Compile(Parse(kCart + policy("b", "1") + policy("a", "3")));
  EXPECT_EQ(output.bundles.at(kKey).policy.retry.attempts, 3U);
  ASSERT_EQ(output.findings.size(), 1U);
  EXPECT_EQ(output.findings[0].code, "Conflicted");
  EXPECT_EQ(output.findings[0].resource, "ServicePolicy default/b");
}

TEST(CompileTest, OneNameTwiceIsAnErrorThatNamesBothPlaces) {
  const Output output = Compile(Parse(std::string(kCart) + kCart));
  EXPECT_FALSE(output.ok());
  EXPECT_NE(Findings(output).find("first at f.yaml:4:18"), std::string::npos) << Findings(output);
}

TEST(CompileTest, SettingsOfDifferentDocumentsThatContradictAreFindings) {
  const Output output = Compile(Parse(std::string(kCart) + R"(---
apiVersion: weft.dev/v1
kind: MeshDefaults
metadata: {name: default}
spec: {timeouts: {attempt: 5s}}
)" + RouteText("r", "default", "{timeouts: {request: 2s}, backendRefs: [{name: cart, port: 80}]}")));
  EXPECT_TRUE(output.ok());
  ASSERT_EQ(output.findings.size(), 1U) << Findings(output);
  EXPECT_EQ(output.findings[0].code, "Ineffective");
  EXPECT_NE(output.findings[0].message.find("timeouts.attempt is from MeshDefaults default"),
            std::string::npos)
      << output.findings[0].message;
}

TEST(CompileTest, TheMethodsOfAGrpcRouteBecomePaths) {
  const Output output = Compile(Parse(R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec: {ports: [{name: grpc, port: 80, protocol: GRPC}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls}
spec:
  parentRefs: [{group: weft.dev, kind: MeshService, name: cart}]
  rules:
  - matches:
    - method: {service: shop.v1.Cart, method: Add}
    - method: {service: shop.v1.Cart}
    - method: {method: Add}
    - method: {type: RegularExpression, service: "shop.*", method: "Get.+"}
    - headers: [{name: X-Version, value: v2}]
    backendRefs: [{name: cart, port: 80}]
)"));
  EXPECT_EQ(Findings(output), "");
  const policy::Route& route = output.bundles.at(kKey).routes.at(0);
  EXPECT_EQ(route.kind, policy::RouteKind::kGrpc);
  const std::vector<policy::RouteMatch>& matches = route.rules.at(0).matches;
  const auto path = [&](std::size_t i) {
    return std::pair(matches.at(i).path.type, matches.at(i).path.value);
  };
  using policy::MatchType;
  EXPECT_EQ(path(0), std::pair(MatchType::kExact, std::string("/shop.v1.Cart/Add")));
  EXPECT_EQ(path(1), std::pair(MatchType::kPrefix, std::string("/shop.v1.Cart")));
  EXPECT_EQ(path(2), std::pair(MatchType::kRegex, std::string("/[^/]+/Add")));
  EXPECT_EQ(path(3), std::pair(MatchType::kRegex, std::string("/(?:shop.*)/(?:Get.+)")));
  EXPECT_EQ(path(4), std::pair(MatchType::kPrefix, std::string("/")));
  EXPECT_EQ(matches.at(4).headers.at(0).name, "x-version");
}

TEST(CompileTest, TlsAndTcpRoutesBecomeRoutesOfTheirKindAndOpaquePortsTcp) {
  const Output output = Compile(Parse(R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec:
  ports:
  - {name: mysql, port: 3306}
  - {name: looked-at, port: 6379, opaque: false}
  - {name: mine, port: 7000, opaque: true, proxyProtocol: v2}
  - {name: tls, port: 443, protocol: TLS}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: by-name}
spec:
  parentRefs: [{group: weft.dev, kind: MeshService, name: cart, port: 443}]
  hostnames: ["*.example.com"]
  rules: [{backendRefs: [{name: cart, port: 443, weight: 3}, {name: cart, port: 7000, weight: 1}]}]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: all}
spec:
  parentRefs: [{group: weft.dev, kind: MeshService, name: cart, port: 3306}]
  rules: [{backendRefs: [{name: gone, port: 1}]}]
)"));
  EXPECT_EQ(
      Findings(output),
      "BackendNotFound f.yaml:25:26: TCPRoute default/all: spec.rules[0].backendRefs[0]: there is no service "
      "default/gone: its share of the connections is closed\n");
  const policy::ServiceBundle& bundle = output.bundles.at(kKey);
  EXPECT_EQ(bundle.ports[0].protocol, policy::Protocol::kTcp);
  EXPECT_EQ(bundle.ports[1].protocol, policy::Protocol::kDetect);
  EXPECT_EQ(bundle.ports[2].protocol, policy::Protocol::kTcp);
  EXPECT_EQ(bundle.ports[2].proxy_protocol, 2);
  ASSERT_EQ(bundle.routes.size(), 2U);
  const bool tls_first = bundle.routes[0].kind == policy::RouteKind::kTls;
  const policy::Route &tls = bundle.routes[tls_first ? 0 : 1], &tcp = bundle.routes[tls_first ? 1 : 0];
  EXPECT_EQ(tcp.kind, policy::RouteKind::kTcp);
  EXPECT_EQ(tls.hostnames, std::vector<std::string>{"*.example.com"});
  EXPECT_EQ(tls.parent_port, 443);
  EXPECT_EQ(tls.rules[0].backends[0].weight, 3U);
  EXPECT_FALSE(tcp.rules[0].backends[0].usable);
}

}  // namespace
}  // namespace weft::compile
