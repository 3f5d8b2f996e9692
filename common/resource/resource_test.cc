#include <gtest/gtest.h>

#include "common/resource/document.h"
#include "common/resource/reader.h"
#include "common/resource/text.h"

namespace weft::resource {
namespace {

constexpr std::string_view kService = R"(apiVersion: weft.dev/v1
kind: MeshService
metadata:
  name: cart
  labels: {version: 010, beta: yes}
spec:
  ports:
  - {name: http, port: 80, protocol: HTTP}
  instances:
  - {id: cart-1, address: 127.0.0.1, port: 8001, zone: a}
  - {id: cart-2, address: "::1", ports: {http: 8002}, weight: 0}
)";

constexpr std::string_view kRoute = R"(apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-11-23T04:05:06Z"}
spec:
  parentRefs: [{group: "", kind: Service, name: cart, port: 80}]
  hostnames: ["*.example.com"]
  rules:
  - name: api
    matches:
    - path: {type: Exact, value: /a}
      headers: [{name: X-Version, value: v1}, {type: RegularExpression, name: x-user, value: "a.*"}]
      queryParams: [{name: q, value: "1"}]
      method: GET
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: X-A, value: a}], remove: [x-b]}
    - type: RequestMirror
      requestMirror: {backendRef: {name: shadow, port: 80}, fraction: {numerator: 1, denominator: 4}}
    backendRefs:
    - {name: cart, port: 80, weight: 9}
    - {group: weft.dev, kind: MeshService, name: cart-v2, namespace: other, port: 81, weight: 1}
    timeouts: {request: 10s, backendRequest: 1500ms}
    retry: {codes: [500, 408], attempts: 3, backoff: 50ms}
  - filters:
    - type: RequestRedirect
      requestRedirect: {scheme: https, path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}, statusCode: 301}
    matches: [{path: {value: /old}}]
)";

constexpr std::string_view kPolicy = R"(apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: cart}
spec:
  targetRefs: [{kind: Service, name: cart}]
  loadBalancer: {policy: leastRequest}
  circuitBreaker: {failureThreshold: 5, openDuration: 30s, failureWeights: {timeout: 3, error4xx: 0}}
  retry: {attempts: 1, on: [connectFailure, 500, 408]}
  timeouts: {connect: 200ms, attempt: 500ms}
)";

constexpr std::string_view kDefaults = R"(apiVersion: weft.dev/v1
kind: MeshDefaults
metadata: {name: default}
spec:
  mtls: off
  connectionPool: {maxConnections: 7, http2: false}
  healthCheck: {path: /healthz, interval: 1s}
  outlierDetection: {enabled: false}
)";

std::string Join(std::string_view a, std::string_view b) { return std::string(a) + "---\n" + std::string(b); }

// The texts of all errors, one in a line.
std::string ErrorsOf(std::string_view text) {
  std::string all;
  for (const Error& error : ParseDocuments(text, "f.yaml").errors) all += error.Text() + "\n";
  return all;
}

std::string PolicyWith(std::string_view line) {
  return "apiVersion: weft.dev/v1\nkind: MeshDefaults\nmetadata: {name: default}\nspec:\n  " +
         std::string(line) + "\n";
}

std::string RuleWith(std::string_view line) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n"
         "  parentRefs: [{group: '', kind: Service, name: a}]\n  rules:\n  - " +
         std::string(line) + "\n";
}

bool Has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(DocumentTest, AMeshServiceIsReadWithItsInstances) {
  const Parsed parsed = ParseDocuments(kService, "f.yaml");
  ASSERT_EQ(ErrorsOf(kService), "");
  const Document& cart = *parsed.documents.at(0);
  EXPECT_EQ(cart.Name(), "MeshService default/cart");
  EXPECT_EQ(cart.mesh_service().ports.at(0).protocol, policy::Protocol::kHttp);
  EXPECT_EQ(cart.mesh_service().instances.at(1).ports.at("http"), 8002);
  EXPECT_EQ(cart.mesh_service().instances.at(1).weight, 0U);
}

TEST(DocumentTest, ModesOfMutualTlsAreThree) {
  using policy::Mtls;
  for (const auto& [text, mode] :
       {std::pair{"off", Mtls::kOff}, {"permissive", Mtls::kPermissive}, {"strict", Mtls::kStrict}}) {
    const Parsed parsed = ParseDocuments(PolicyWith(std::string("mtls: ") + text), "f.yaml");
    ASSERT_TRUE(parsed.errors.empty()) << text;
    EXPECT_EQ(parsed.documents.at(0)->mesh_defaults().policy.mtls, mode) << text;
  }
  EXPECT_TRUE(Has(ErrorsOf(PolicyWith("mtls: sometimes")), "write off, permissive or strict"));
}

TEST(DocumentTest, TextIsTextWhateverYamlWouldGuess) {
  const Parsed parsed = ParseDocuments(kService, "f.yaml");
  EXPECT_EQ(parsed.documents.at(0)->metadata.labels.at("version"), "010");
  EXPECT_EQ(parsed.documents.at(0)->metadata.labels.at("beta"), "yes");
  EXPECT_TRUE(Has(parsed.documents.at(0)->json, R"("beta":"yes","version":"010")"));
  EXPECT_TRUE(Has(parsed.documents.at(0)->json, R"("port":80)"));
}

TEST(DocumentTest, AnHttpRouteIsReadWhole) {
  ASSERT_EQ(ErrorsOf(kRoute), "");
  const DocumentPtr document = ParseDocuments(kRoute, "").documents.at(0);
  const HttpRouteSpec& route = document->http_route();
  const HttpRouteRuleSpec& rule = route.rules.at(0);
  EXPECT_EQ(route.parents.at(0).port, 80);
  EXPECT_EQ(rule.matches.at(0).headers.at(0).name, "x-version");
  EXPECT_EQ(rule.matches.at(0).headers.at(1).type, policy::MatchType::kRegex);
  EXPECT_EQ(rule.matches.at(0).method, "GET");
  EXPECT_EQ(rule.request_headers.set.at(0).name, "x-a");
  EXPECT_DOUBLE_EQ(rule.mirrors.at(0).fraction, 0.25);
  EXPECT_EQ(rule.backends.at(1).ref.ns, "other");
  EXPECT_EQ(rule.policy.timeouts.attempt, std::chrono::milliseconds(1500));
  EXPECT_TRUE(rule.policy.retry.backoff_is_minimum);
  EXPECT_TRUE(*rule.policy.retry.on & policy::kOn500);
  EXPECT_FALSE(*rule.policy.retry.on & policy::kOn503);
  EXPECT_EQ(rule.policy.retry.codes, std::vector<std::uint16_t>{408});
  EXPECT_EQ(route.rules.at(1).redirect->status, 301);
  EXPECT_EQ(document->metadata.created, 1795406706);
}

TEST(DocumentTest, PoliciesAndDefaultsAreRead) {
  ASSERT_EQ(ErrorsOf(Join(kPolicy, kDefaults)), "");
  const Parsed parsed = ParseDocuments(Join(kPolicy, kDefaults), "");
  const policy::PolicySpec& cart = parsed.documents.at(0)->service_policy().policy;
  EXPECT_EQ(cart.circuit_breaker.open_duration, std::chrono::seconds(30));
  EXPECT_EQ(cart.circuit_breaker.weight_timeout, 3.0);
  EXPECT_EQ(cart.retry.on, policy::kOnConnectFailure | policy::kOn500);
  EXPECT_EQ(cart.retry.codes, std::vector<std::uint16_t>{408});
  EXPECT_EQ(parsed.documents.at(1)->mesh_defaults().policy.connection_pool.max_connections, 7U);
}

TEST(DocumentTest, EveryKindRoundTripsThroughYamlAndJson) {
  const std::string all = Join(Join(kService, kRoute), Join(kPolicy, kDefaults));
  const Parsed parsed = ParseDocuments(all, "f.yaml");
  ASSERT_EQ(parsed.documents.size(), 4U);
  for (const DocumentPtr& document : parsed.documents) {
    for (const std::string& text : {document->json, ToPrettyJson(*document), ToYaml(*document)}) {
      const Parsed again = ParseDocuments(text, "again");
      ASSERT_EQ(again.errors.size(), 0U) << text << again.errors.at(0).Text();
      EXPECT_EQ(again.documents.at(0)->json, document->json) << text;
    }
  }
}

TEST(DocumentTest, YamlIsWrittenAsKubectlWritesIt) {
  EXPECT_EQ(
      ToYaml(*ParseDocuments(kService, "").documents.at(0)),
      "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata:\n  labels:\n    beta: \"yes\"\n    version: "
      "\"010\"\n"
      "  name: cart\n  namespace: default\nspec:\n  instances:\n  - address: \"127.0.0.1\"\n    id: cart-1\n"
      "    port: 8001\n    zone: a\n  - address: \"::1\"\n    id: cart-2\n    ports:\n      http: 8002\n"
      "    weight: 0\n  ports:\n  - name: http\n    port: 80\n    protocol: HTTP\n");
}

TEST(DocumentTest, OneBadDocumentHidesNoOtherAndNoFurtherError) {
  const std::string bad =
      Join("apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: X_y}\nspec: {ports: [{port: 0}]}\n",
           kService);
  const Parsed parsed = ParseDocuments(bad, "f.yaml");
  EXPECT_EQ(parsed.documents.size(), 1U);
  ASSERT_EQ(parsed.errors.size(), 2U);
  EXPECT_EQ(parsed.errors[0].where, "f.yaml:3:18");
  EXPECT_EQ(parsed.errors[1].field, "spec.ports[0].port");
  EXPECT_EQ(parsed.errors[1].where, "f.yaml:4:23");
}

TEST(DocumentTest, ASyntaxErrorIsReportedInItsLineAndTheNextDocumentIsRead) {
  const Parsed parsed = ParseDocuments(Join("a: [1,\n", kService), "f.yaml");
  EXPECT_EQ(parsed.documents.size(), 1U);
  ASSERT_EQ(parsed.errors.size(), 1U);
  EXPECT_TRUE(Has(parsed.errors[0].Text(), "f.yaml:")) << parsed.errors[0].Text();
}

TEST(DocumentTest, AnUnknownKeyNamesTheOneThatWasMeant) {
  EXPECT_EQ(ErrorsOf(PolicyWith("circuitBreaker: {failureTreshold: 3}")),
            "f.yaml:5:20: spec.circuitBreaker: unknown key \"failureTreshold\"; did you mean "
            "\"failureThreshold\"?\n");
}

TEST(DocumentTest, DuplicateKeysAliasesAnchorsAndTagsAreRefused) {
  EXPECT_TRUE(Has(ErrorsOf("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: key \"a\" stands twice, first in line 1"));
  EXPECT_TRUE(Has(ErrorsOf("a: &x 1\nb: *x\n"), "anchors"));
  EXPECT_TRUE(Has(ErrorsOf("b: !!int 3\n"), "tags"));
  EXPECT_TRUE(Has(ErrorsOf("{\"a\": 1, \"a\": 2}"), "stands twice"));
}

TEST(DocumentTest, DeepWideAndLongTextsAreRefused) {
  EXPECT_NE(ErrorsOf(std::string(5000, '[')), "");
  EXPECT_NE(ErrorsOf(std::string(100'000, '{')), "");
  EXPECT_TRUE(Has(ErrorsOf(std::string(33, '[') + std::string(33, ']')), "levels of nesting"));
  EXPECT_TRUE(Has(ErrorsOf(std::string(kMaxDocument + 1, 'a')), "1 MiB"));
  EXPECT_TRUE(Has(ErrorsOf(std::string("a: \xff\n")), "f.yaml:1:4: not UTF-8"));
}

TEST(DocumentTest, WhatAGrpcRouteCannotSayIsNamed) {
  const auto errors = [](const std::string& rule) {
    return ErrorsOf(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: r}\nspec:\n  "
        "parentRefs: [{group: "
        "weft.dev, kind: MeshService, name: cart}]\n  rules: [" +
        rule + "]\n");
  };
  EXPECT_EQ(
      errors("{matches: [{method: {service: a.B, method: Get}}], backendRefs: [{name: cart, port: 80}]}"),
      "");
  EXPECT_TRUE(Has(errors("{matches: [{method: {service: /a.B}}]}"), "full name of a service"));
  EXPECT_TRUE(Has(errors("{matches: [{method: {service: a.B, method: x/y}}]}"), "name of a method"));
  EXPECT_TRUE(Has(errors("{matches: [{method: {}}]}"), "service"));
  EXPECT_TRUE(Has(errors("{matches: [{method: {type: RegularExpression, service: \"(\"}}]}"), "RE2"));
  EXPECT_TRUE(
      Has(errors("{filters: [{type: URLRewrite, urlRewrite: {hostname: a.b}}]}"), "neither redirected"));
}

TEST(DocumentTest, ReservedNamesSayThatTheyAreReserved) {
  EXPECT_TRUE(Has(ErrorsOf("apiVersion: weft.dev/v1\nkind: AuthorizationPolicy\n"),
                  "AuthorizationPolicy is reserved"));
  for (const char* line :
       {"telemetry: {}", "connectionPool: {http2: true}", "connectionPool: {timeout: 5s}"}) {
    const Parsed parsed = ParseDocuments(PolicyWith(line), "f.yaml");
    ASSERT_EQ(parsed.errors.size(), 1U) << line;
    EXPECT_EQ(parsed.errors[0].kind, ErrorKind::kUnsupported) << line;
    EXPECT_TRUE(Has(parsed.errors[0].detail, "reserved")) << parsed.errors[0].Text();
  }
  EXPECT_TRUE(Has(ErrorsOf(RuleWith("filters: [{type: CORS, cors: {}}]")), "reserved"));
  EXPECT_TRUE(Has(ErrorsOf(RuleWith("sessionPersistence: {}")), "reserved"));
}

TEST(DocumentTest, SelectionAndRateLimitsAreReadOrRefusedWithAPlace) {
  const Parsed parsed = ParseDocuments(
      PolicyWith(
          "loadBalancer: {policy: maglev, hashOn: {cookie: sid}, loadFactor: 1.5, slowStart: 10s, "
          "preferZone: true, subset: 12}\n  rateLimits: {limits: [{name: api, path: /api, per: address, "
          "requestsPerSecond: 10, burst: 20}, {name: key, per: header, header: x-key, "
          "requestsPerSecond: 0.5}]}"),
      "f.yaml");
  ASSERT_TRUE(parsed.errors.empty()) << parsed.errors[0].Text();
  const policy::PolicySpec& spec = std::get<MeshDefaultsSpec>(parsed.documents[0]->spec).policy;
  EXPECT_EQ(*spec.load_balancer.hash_cookie, "sid");
  EXPECT_EQ(*spec.load_balancer.slow_start, std::chrono::seconds(10));
  ASSERT_EQ(spec.rate_limits.limits->size(), 2u);
  EXPECT_EQ((*spec.rate_limits.limits)[0].burst, 20u);
  EXPECT_EQ((*spec.rate_limits.limits)[1].burst, 1u);
  for (const auto& [line, error] : std::vector<std::pair<std::string, std::string>>{
           {"loadBalancer: {hashOn: {header: a, cookie: b}}", "several keys"},
           {"loadBalancer: {hashOn: {header: 'a b'}}", "no name of a header"},
           {"loadBalancer: {loadFactor: 0.5}", "loadFactor"},
           {"concurrency: {limiter: tcp}", "gradient"},
           {"concurrency: {min: 9, max: 3}", "above concurrency.max"},
           {"concurrency: {initial: 9, max: 3}", "not between"},
           {"outlierDetection: {baseEjection: 9s, maxEjection: 3s}",
            "longer than outlierDetection.maxEjection"},
           {"bulkheads: {perCaller: -1}", "perCaller"},
           {"concurrency: {priorityHeader: 'a b'}", "no name of a header"},
           {"timeouts: {adaptive: yes}", "shadow"},
           {"hedging: {enabled: true, budgetPercent: 6}", "budgetPercent"},
           {"hedging: {minDelay: 0s}", "minDelay"},
           {"rateLimits: {limits: [{name: a}]}", "requestsPerSecond"},
           {"rateLimits: {limits: [{name: a, requestsPerSecond: 0}]}", "requestsPerSecond"},
           {"rateLimits: {limits: [{name: a, per: header, requestsPerSecond: 1}]}", "needs header"},
           {"rateLimits: {limits: [{name: a, header: x, requestsPerSecond: 1}]}", "does nothing"},
           {"rateLimits: {limits: [{name: a, path: x, requestsPerSecond: 1}]}", "must begin with"},
           {"rateLimits: {limits: [{name: a, per: address, global: true, requestsPerSecond: 1}]}",
            "per: service only"},
           {"rateLimits: {limits: [{name: a, requestsPerSecond: 1}, {name: a, requestsPerSecond: 1}]}",
            "another limit"}}) {
    EXPECT_TRUE(Has(ErrorsOf(PolicyWith(line)), error)) << line << ": " << ErrorsOf(PolicyWith(line));
  }
}

TEST(DocumentTest, WhatConnectionsCannotHaveIsRefusedWithARemedy) {
  const auto port = [](const std::string& text) {
    return ErrorsOf("apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: a}\nspec:\n  ports: [{" +
                    text + "}]\n");
  };
  EXPECT_EQ(port("port: 1, opaque: true, protocol: TCP"), "");
  EXPECT_TRUE(Has(port("port: 1, opaque: true, protocol: HTTP"), "remove one of the two"));
  EXPECT_TRUE(Has(port("port: 1, protocol: HTTP, proxyProtocol: v1"), "x-forwarded-for"));
  EXPECT_TRUE(Has(port("port: 1, proxyProtocol: v3"), "v1"));
  const auto route = [](const std::string& kind, const std::string& rest) {
    return ErrorsOf("apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind +
                    "\nmetadata: {name: a}\nspec:\n  parentRefs: [{group: '', kind: Service, name: a}]\n  " +
                    rest + "\n");
  };
  EXPECT_EQ(route("TCPRoute", "rules: [{backendRefs: [{name: a, port: 1}]}]"), "");
  EXPECT_EQ(route("TLSRoute", "rules: [{name: x, backendRefs: [{name: a, port: 1}]}]"), "");
  EXPECT_TRUE(
      Has(route("TCPRoute", "hostnames: [a]\n  rules: [{backendRefs: [{name: a, port: 1}]}]"), "hostnames"));
  EXPECT_TRUE(Has(route("TCPRoute", "rules: [{}]"), "needs backendRefs"));
  EXPECT_TRUE(Has(route("TLSRoute", "rules: [{matches: [], backendRefs: [{name: a, port: 1}]}]"), "matches"));
  EXPECT_TRUE(Has(
      route("TLSRoute", "rules: [{backendRefs: [{name: a, port: 1}]}, {backendRefs: [{name: a, port: 1}]}]"),
      "exactly one rule"));
}

TEST(DocumentTest, ContradictionsInADocumentNameBothFields) {
  EXPECT_EQ(ErrorsOf(PolicyWith("timeouts: {request: 1s, attempt: 2s}")),
            "f.yaml:5:36: spec.timeouts.attempt: timeouts.attempt is longer than timeouts.request, so it "
            "never fires: "
            "shorten it or raise timeouts.request\n");
  EXPECT_TRUE(
      Has(ErrorsOf(PolicyWith("connectionPool: {maxConnections: 5, maxKeepalive: 6}")), "maxConnections"));
}

TEST(DocumentTest, BadRulesOfARouteAreNamed) {
  const auto first = [](std::string_view line) { return ErrorsOf(RuleWith(line)); };
  EXPECT_TRUE(Has(first("matches: [{path: {type: RegularExpression, value: 'a('}}]"),
                  "spec.rules[0].matches[0].path.value: no RE2 regular expression"));
  EXPECT_TRUE(Has(first("matches: [{path: {value: a}}]"), "must begin with"));
  EXPECT_TRUE(Has(first("matches: [{path: {value: /a//b}}]"), "must not contain"));
  EXPECT_TRUE(Has(first("matches: [{method: get}]"), "did you mean \"GET\"?"));
  EXPECT_TRUE(Has(first("timeouts: {request: 1s, backendRequest: 2s}"), "longer than timeouts.request"));
  EXPECT_TRUE(Has(first("timeouts: {request: 90}"), "is no duration"));
  EXPECT_TRUE(Has(first("backendRefs: [{name: a}]"), "\"port\" is required"));
  EXPECT_TRUE(Has(
      first("filters: [{type: URLRewrite, urlRewrite: {}}, {type: RequestRedirect, requestRedirect: {}}]"),
      "exclude each other"));
  EXPECT_TRUE(Has(first("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, "
                        "replacePrefixMatch: /}}}]\n    matches: [{path: {type: Exact, value: /a}}]"),
                  "ReplacePrefixMatch needs exactly one match"));
  EXPECT_TRUE(
      Has(first("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], "
                "remove: [A]}}]"),
          "stands twice"));
}

TEST(DocumentTest, AListOfKubectlIsUnfoldedAndServerFieldsAreDropped) {
  const std::string text = R"({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "weft.dev/v1",
    "kind": "MeshDefaults", "metadata": {"name": "default", "resourceVersion": "7", "generation": 3, "uid": "u"},
    "spec": {"retry": {"attempts": 1}}, "status": {"x": [1, 2]}}]})";
  const Parsed parsed = ParseDocuments(text, "f.json");
  ASSERT_EQ(parsed.errors.size(), 0U) << parsed.errors[0].Text();
  EXPECT_EQ(parsed.documents.at(0)->json,
            R"({"apiVersion":"weft.dev/v1","kind":"MeshDefaults","metadata":{"name":"default","uid":"u"},)"
            R"("spec":{"retry":{"attempts":1}}})");
}

TEST(DocumentTest, WhereFindsTheLineOfAFieldOrOfItsParent) {
  const Parsed parsed = ParseDocuments(kRoute, "f.yaml");
  EXPECT_EQ(parsed.documents.at(0)->Where("spec.rules[0].backendRefs[1]"), "f.yaml:21:7");
  EXPECT_EQ(parsed.documents.at(0)->Where("spec.rules[0].nothing"), "f.yaml:8:5");
  EXPECT_EQ(ParseDocuments(kRoute, "").documents.at(0)->Where("spec"), "HTTPRoute shop/cart");
}

TEST(ScalarTest, DurationsAndSizesAreReadWithTheirUnits) {
  EXPECT_EQ(ParseDuration("1h30m").value(), std::chrono::minutes(90));
  EXPECT_EQ(ParseDuration("500ms").value(), std::chrono::milliseconds(500));
  EXPECT_EQ(ParseDuration("0").value(), Duration::zero());
  for (const char* bad : {"", "5", "s", "1.5s", "-1s", "100000s", "1h1h1h1h1h", "5 s", "5us"}) {
    EXPECT_TRUE(ParseDuration(bad).has_error()) << bad;
  }
  EXPECT_EQ(ToString(ParseDuration("90s").value()), "1m30s");
  EXPECT_EQ(ParseByteSize("64KiB").value().bytes, 65536U);
  EXPECT_EQ(ParseByteSize("10").value().bytes, 10U);
  EXPECT_TRUE(ParseByteSize("64KB").has_error());
}

TEST(JsonTest, EscapesAndSurrogatePairsAreRead) {
  Problems problems("f.json");
  Node node;
  ASSERT_TRUE(ParseJson(R"(["\ud83d\ude00\n\u00e9", -1.5e3, null, true])", 1, node, problems));
  EXPECT_EQ(node.items[0].text, "\xF0\x9F\x98\x80\n\xC3\xA9");
  for (const char* bad :
       {"[01]", "[1.]", "[\"\\ud83d\"]", "[1,]", "{\"a\" 1}", "[1] 2", "\"a", "[+1]", "nul"}) {
    Node ignored;
    EXPECT_FALSE(ParseJson(bad, 1, ignored, problems)) << bad;
  }
}

}  // namespace
}  // namespace weft::resource
