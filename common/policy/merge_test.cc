#include <gtest/gtest.h>

#include "common/policy/fields.h"
#include "common/policy/merge.h"

namespace weft::policy {
namespace {

const std::string* SourceOf(const Merged& merged, const std::string& field) {
  for (const FieldSource& source : merged.sources) {
    if (source.field == field) return &source.source;
  }
  return nullptr;
}

bool Contradicts(const PolicySpec& spec, const std::string& field, const std::string& other) {
  const Layer layer{&spec, "a"};
  for (const Contradiction& found : FindContradictions(Merge({&layer, 1}))) {
    if (found.field == field && found.other == other) return true;
  }
  return false;
}

TEST(MergeTest, TheStrongestLayerThatWroteAFieldWinsAndIsNamed) {
  PolicySpec mesh, service;
  mesh.retry.attempts = 1;
  mesh.timeouts.request = seconds(9);
  service.retry.attempts = 3;
  const std::array<Layer, 2> layers = {{{&mesh, "mesh"}, {&service, "service"}}};
  const Merged merged = Merge(layers);
  EXPECT_EQ(merged.policy.retry.attempts, 3U);
  EXPECT_EQ(merged.policy.timeouts.request, seconds(9));
  EXPECT_EQ(*SourceOf(merged, "retry.attempts"), "service");
  EXPECT_EQ(*SourceOf(merged, "timeouts.request"), "mesh");
  EXPECT_EQ(merged.sources.size(), 2U);
}

TEST(MergeTest, TheModeOfMutualTlsIsMergedLikeAField) {
  PolicySpec mesh, service;
  mesh.mtls = Mtls::kStrict;
  const std::array<Layer, 2> layers = {{{&mesh, "mesh"}, {&service, "service"}}};
  EXPECT_EQ(Merge({}).policy.mtls, Mtls::kPermissive);
  EXPECT_EQ(Merge(layers).policy.mtls, Mtls::kStrict);
  EXPECT_EQ(*SourceOf(Merge(layers), "mtls"), "mesh");
  service.mtls = Mtls::kOff;
  EXPECT_EQ(Merge(layers).policy.mtls, Mtls::kOff);
  EXPECT_EQ(*SourceOf(Merge(layers), "mtls"), "service");
}

TEST(MergeTest, NothingWrittenGivesTheBuiltInValuesWithoutSources) {
  const Merged merged = Merge({});
  EXPECT_TRUE(merged.sources.empty());
  EXPECT_EQ(merged.policy.retry.max_backoff, milliseconds(250));
  EXPECT_FALSE(merged.policy.circuit_breaker.fixed_open);
  EXPECT_FALSE(merged.policy.health_check.enabled);
  EXPECT_TRUE(FindContradictions(merged).empty());
}

TEST(MergeTest, AWrittenOpenDurationIsFixed) {
  PolicySpec spec;
  spec.circuit_breaker.open_duration = seconds(60);
  const Layer layer{&spec, "a"};
  EXPECT_TRUE(Merge({&layer, 1}).policy.circuit_breaker.fixed_open);
}

TEST(MergeTest, TheBackoffOfARouteIsAMinimumAndThatOfAPolicyIsNot) {
  PolicySpec service, route;
  route.retry.backoff = milliseconds(50);
  route.retry.backoff_is_minimum = true;
  service.retry.backoff = milliseconds(10);
  const std::array<Layer, 2> both = {{{&service, "s"}, {&route, "r"}}};
  EXPECT_TRUE(Merge(both).policy.retry.backoff_is_minimum);
  EXPECT_EQ(Merge(both).policy.retry.max_backoff, milliseconds(500));
  EXPECT_FALSE(Merge(std::span(both).first(1)).policy.retry.backoff_is_minimum);
}

TEST(MergeTest, ADefaultGivesWayToAWrittenNeighbour) {
  PolicySpec spec;
  spec.connection_pool.max_connections = 7;
  spec.health_check.path = "/healthz";
  spec.health_check.interval = seconds(1);
  const Layer layer{&spec, "a"};
  const Merged merged = Merge({&layer, 1});
  EXPECT_EQ(merged.policy.connection_pool.max_keepalive, 7U);
  EXPECT_TRUE(merged.policy.health_check.enabled);
  EXPECT_EQ(merged.policy.health_check.timeout, seconds(1));
  EXPECT_EQ(merged.policy.health_check.max_response_time, seconds(1));
  EXPECT_TRUE(FindContradictions(merged).empty());
}

TEST(MergeTest, TwoWrittenValuesThatContradictAreNamedBoth) {
  PolicySpec spec;
  spec.timeouts.request = seconds(1);
  spec.timeouts.attempt = seconds(2);
  spec.connection_pool.max_connections = 1;
  spec.connection_pool.max_keepalive = 2;
  spec.health_check.enabled = true;
  EXPECT_TRUE(Contradicts(spec, "timeouts.attempt", "timeouts.request"));
  EXPECT_TRUE(Contradicts(spec, "connectionPool.maxKeepalive", "connectionPool.maxConnections"));
  EXPECT_TRUE(Contradicts(spec, "healthCheck.enabled", "healthCheck.path"));
  spec.timeouts.request = Duration::zero();  // none
  EXPECT_FALSE(Contradicts(spec, "timeouts.attempt", "timeouts.request"));
}

TEST(EnvironmentTest, TheVariablesOfTheSeedsAreTheWeakestLayer) {
  const Result<PolicySpec> spec = FromEnvironment({{"CIRCUIT_BREAKER_FAILURE_THRESHOLD", "10"},
                                                   {"CIRCUIT_BREAKER_TIMEOUT_SECONDS", "60"},
                                                   {"CIRCUIT_BREAKER_ENABLED", "False"},
                                                   {"HEALTH_CHECK_INTERVAL_SECONDS", "30"},
                                                   {"HEALTH_CHECK_TIMEOUT_SECONDS", "5"},
                                                   {"DEFAULT_MAX_KEEPALIVE_CONNECTIONS", "20"},
                                                   {"DEFAULT_MAX_CONNECTIONS", "100"},
                                                   {"DEFAULT_KEEPALIVE_EXPIRY", "30.5"},
                                                   {"PATH", "/bin"}});
  ASSERT_TRUE(spec.has_value());
  EXPECT_EQ(spec->circuit_breaker.enabled, false);
  EXPECT_EQ(spec->circuit_breaker.open_duration, seconds(60));
  EXPECT_EQ(spec->connection_pool.keepalive_expiry, milliseconds(30500));
  EXPECT_EQ(spec->connection_pool.max_connections, 100U);
}

TEST(EnvironmentTest, ABadVariableIsNamed) {
  for (const char* bad : {"", "x", "-1", "1e9", "nan"}) {
    const Result<PolicySpec> spec = FromEnvironment({{"DEFAULT_MAX_CONNECTIONS", bad}});
    ASSERT_TRUE(spec.has_error()) << bad;
    EXPECT_EQ(spec.error().field, "DEFAULT_MAX_CONNECTIONS");
  }
  EXPECT_TRUE(FromEnvironment({{"CIRCUIT_BREAKER_ENABLED", "maybe"}}).has_error());
  const Result<PolicySpec> contradiction =
      FromEnvironment({{"DEFAULT_MAX_CONNECTIONS", "5"}, {"DEFAULT_MAX_KEEPALIVE_CONNECTIONS", "6"}});
  ASSERT_TRUE(contradiction.has_error());
  EXPECT_NE(contradiction.error().detail.find("maxConnections"), std::string::npos);
}

}  // namespace
}  // namespace weft::policy
