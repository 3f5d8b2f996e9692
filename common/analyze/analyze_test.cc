#include "common/analyze/analyze.h"

#include <gtest/gtest.h>

namespace weft::analyze {
namespace {

// "Unreachable f.yaml:9:5 spec.rules[1]" a line.
std::string Found(const std::string& text) {
  const resource::Parsed parsed = resource::ParseDocuments(text, "f.yaml");
  for (const Error& error : parsed.errors) ADD_FAILURE() << error.Text();
  std::string lines;
  for (const compile::Finding& finding : Analyze({"local", parsed.documents, {}}))
    lines += finding.code + " " + finding.where + " " + finding.field + "\n";
  return lines;
}

constexpr const char* kCart = R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec: {ports: [{name: http, port: 80, protocol: HTTP}], instances: [{id: a, address: 127.0.0.1, port: 8001}]}
)";

// One rule per line; the first stands in line 11 behind kCart.
std::string Route(const std::string& name, const std::string& rules, const std::string& hostnames = "[]") {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name +
         "}\nspec: {parentRefs: [{group: weft.dev, kind: MeshService, name: cart}], hostnames: " + hostnames +
         ", rules: [" + rules + "]}\n";
}

std::string To(const std::string& matches) {
  return "{matches: [" + matches +
         "], backendRefs: [{group: weft.dev, kind: MeshService, name: cart, port: 80}]}";
}

std::string Policy(const std::string& kind, const std::string& spec) {
  const std::string target = "targetRefs: [{group: weft.dev, kind: MeshService, name: cart}], ";
  return "---\napiVersion: weft.dev/v1\nkind: " + kind + "\nmetadata: {name: default}\nspec: {" +
         (kind == "ServicePolicy" ? target : "") + spec + "}\n";
}

TEST(AnalyzeTest, GoodDocumentsHaveNoFindings) {
  EXPECT_EQ(Found(kCart + Route("r", To("{path: {value: /a}}") + ", " + To("{path: {value: /b}}"))), "");
}

TEST(AnalyzeTest, WhatTheCompilerFindsIsPartOfIt) {
  EXPECT_EQ(Found(kCart + Route("r", "{}")), "NoBackend f.yaml:10:95 spec.rules[0]\n");
}

TEST(AnalyzeTest, ARuleBehindAnEqualOneIsUnreachableAlsoAcrossRoutes) {
  const std::string get = "{method: GET, headers: [{name: A, value: x}, {name: b, value: y}]}";
  const std::string same =
      "{method: GET, headers: [{name: B, value: y}, {name: a, value: x}], path: {value: /}}";
  const std::string found = Found(kCart + Route("r", To(get) + ", " + To(same)) + Route("s", To(same)));
  EXPECT_NE(found.find("Unreachable"), std::string::npos);
  EXPECT_NE(found.find("spec.rules[1]"), std::string::npos) << found;
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 2) << found;
}

TEST(AnalyzeTest, OfARuleWithSeveralMatchesTheShadowedOnesAreNamed) {
  const std::string found = Found(
      kCart + Route("r", To("{path: {value: /a}}") + ", " + To("{path: {value: /b}}, {path: {value: /a/}}")));
  EXPECT_NE(found.find("Shadowed"), std::string::npos);
  EXPECT_NE(found.find("spec.rules[1].matches[1]"), std::string::npos) << found;
}

TEST(AnalyzeTest, OtherHostnamesAreOtherRequests) {
  EXPECT_EQ(Found(kCart + Route("r", To("{}"), "[a.example]") +
                  Route("s", To("{}"), "[a.example, b.example]") + Route("t", To("{}"))),
            "");
  EXPECT_NE(Found(kCart + Route("r", To("{}"), "[a.example]") + Route("s", To("{}"), "[a.example]")), "");
}

TEST(AnalyzeTest, AddressesThatTwoInstancesClaim) {
  const std::string pay = R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: pay}
spec: {ports: [{port: 80}], instances: [{id: p, address: 127.0.0.1, port: 8001}, {id: q, address: 127.0.0.2, port: 9}, {id: r, address: 127.0.0.2, port: 9}]}
)";
  EXPECT_EQ(
      Found(kCart + pay),
      "SharedAddress f.yaml:10:41 spec.instances[0]\nDuplicateAddress f.yaml:10:120 spec.instances[2]\n");
}

TEST(AnalyzeTest, WeightsOfZeroEverywhere) {
  const std::string found = Found(R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec: {ports: [{port: 80}], instances: [{id: a, address: 127.0.0.1, port: 8001, weight: 0}]}
)" + Route("r", "{backendRefs: [{group: weft.dev, kind: MeshService, name: cart, port: 80, weight: 0}]}"));
  EXPECT_NE(found.find("Drained"), std::string::npos) << found;
  EXPECT_NE(found.find("NoWeight"), std::string::npos) << found;
}

TEST(AnalyzeTest, ARouteOnAPortThatIsNotReadAsHttp) {
  const std::string found = Found(R"(---
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart}
spec: {ports: [{port: 80, protocol: TCP}]}
)" + Route("r", To("{}")));
  EXPECT_NE(found.find("NotHttp"), std::string::npos) << found;
}

TEST(AnalyzeTest, APolicyThatAllowsMoreThanTheOneBelowIt) {
  const std::string defaults = Policy(
      "MeshDefaults", "timeouts: {request: 5s}, circuitBreaker: {enabled: true}, retry: {attempts: 1}");
  EXPECT_EQ(
      Found(kCart + defaults + Policy("ServicePolicy", "timeouts: {request: 4s}, retry: {attempts: 0}")), "");
  const std::string found =
      Found(kCart + defaults +
            Policy("ServicePolicy",
                   "timeouts: {request: 0s}, circuitBreaker: {enabled: false}, retry: {attempts: 2}") +
            Route("r",
                  "{timeouts: {request: 9s}, backendRefs: [{group: weft.dev, kind: MeshService, name: cart, "
                  "port: 80}]}"));
  for (const char* field : {"spec.timeouts.request", "spec.circuitBreaker.enabled", "spec.retry.attempts"})
    EXPECT_NE(found.find(std::string("Loosened f.yaml:15:")), std::string::npos) << field << "\n" << found;
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 3) << found;
}

}  // namespace
}  // namespace weft::analyze
