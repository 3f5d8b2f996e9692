#include "agent/scenario/scenario.h"

#include <gtest/gtest.h>

namespace weft::scenario {
namespace {

using std::chrono::seconds;

constexpr const char* kMesh = R"(
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart, namespace: shop}
spec:
  ports: [{name: http, port: 80, protocol: HTTP}]
  instances:
  - {id: cart-1, address: 127.0.0.1, port: 8081}
  - {id: cart-2, address: 127.0.0.1, port: 8082}
  - {id: cart-3, address: 127.0.0.1, port: 8083}
)";

compile::Output Resources(const std::string& more = "") {
  compile::Inputs inputs;
  const auto parsed = resource::ParseDocuments(std::string(kMesh) + more, "mesh.yaml");
  EXPECT_TRUE(parsed.errors.empty()) << parsed.errors.front().Text();
  inputs.documents = parsed.documents;
  return compile::Compile(inputs);
}

Report Played(const std::string& text, const compile::Output& resources) {
  const Parsed parsed = Parse(text, "scenario.yaml");
  EXPECT_TRUE(parsed.errors.empty()) << parsed.errors.front().Text();
  Result<Report> report = Play(parsed.scenario, resources);
  EXPECT_TRUE(report) << report.error().Text();
  return std::move(*report);
}

TEST(ScenarioTest, AnInstanceThatRefusesIsEjectedAndClientsDoNotSeeIt) {
  const Report report = Played(
      "duration: 30s\nrate: 100\nfaults:\n- {at: 10s, instances: [cart-2], kind: refuse}\n", Resources());
  EXPECT_EQ(report.tally.counts().bad, 0u);
  EXPECT_NEAR(static_cast<double>(report.tally.counts().requests), 3000, 300);
  ASSERT_FALSE(report.tally.changes().empty());
  EXPECT_EQ(report.tally.changes().front().who, "cart-2");
  EXPECT_EQ(report.tally.changes().front().to, "ejected");
  EXPECT_LT(report.attempts[1].second, report.attempts[0].second);
}

TEST(ScenarioTest, PoliciesOfTheResourcesAreInForce) {
  const std::string scenario =
      "duration: 30s\nfaults:\n- {at: 10s, kind: errors, percent: 100, status: 503}\n";
  const auto opened = [&](const std::string& more) {
    std::size_t count = 0;
    const Report report = Played(scenario, Resources(more));
    for (const simulate::Change& change : report.tally.changes()) count += change.to == "open";
    return count;
  };
  EXPECT_GT(opened(""), 0u);
  EXPECT_EQ(opened(R"(---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: cart, namespace: shop}
spec:
  targetRefs: [{group: weft.dev, kind: MeshService, name: cart}]
  circuitBreaker: {enabled: false}
)"),
            0u);
}

TEST(ScenarioTest, EveryProblemIsToldWithItsPlace) {
  const Parsed parsed =
      Parse("duration: soon\nrate: -1\nfaults:\n- {at: 1s, kind: sleepy}\nspeed: 3\n", "s.yaml");
  ASSERT_EQ(parsed.errors.size(), 4u);
  EXPECT_NE(parsed.errors[0].Text().find("s.yaml:1"), std::string::npos) << parsed.errors[0].Text();
  EXPECT_EQ(Parse("", "s.yaml").errors.size(), 1u);
  EXPECT_EQ(Parse("a: [", "s.yaml").errors.size(), 1u);
}

TEST(ScenarioTest, WhatDoesNotFitTheResourcesIsNamed) {
  Scenario scenario;
  scenario.faults.push_back({seconds(1), seconds(1), {"cart-9"}, {}});
  const Result<Report> report = Play(scenario, Resources());
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().Text().find("cart-9"), std::string::npos);
  EXPECT_FALSE(Play({}, compile::Output{}));
}

}  // namespace
}  // namespace weft::scenario
