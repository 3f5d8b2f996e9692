#include "common/wire/wire.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft::wire {
namespace {

// Every field set to something that is not its default.
policy::ServiceBundle Rich() {
  policy::ServiceBundle bundle;
  bundle.key = {"local", "shop", "cart"};
  bundle.ports = {{"http", 80, policy::Protocol::kHttp}, {"grpc", 81, policy::Protocol::kGrpc}};
  bundle.addresses = {"10.96.0.7", "fd00::7"};
  bundle.policy.load_balancer.policy = policy::Balancer::kRoundRobin;
  bundle.policy.load_balancer.hash_header = "x-user";
  bundle.policy.load_balancer.hash_cookie = "sid";
  bundle.policy.load_balancer.hash_query = "q";
  bundle.policy.load_balancer.hash_source = true;
  bundle.policy.load_balancer.load_factor = 1.5;
  bundle.policy.load_balancer.slow_start = std::chrono::seconds(10);
  bundle.policy.load_balancer.prefer_zone = true;
  bundle.policy.load_balancer.subset = 12;
  bundle.policy.rate_limits.connections_per_address = 50;
  bundle.policy.rate_limits.limits = {{"api", policy::RateKey::kAddress, "", "/api", 10, 20},
                                      {"key", policy::RateKey::kHeader, "x-key", "", 0.5, 1},
                                      {"caller", policy::RateKey::kCaller, "", "", 5, 10},
                                      {"all", policy::RateKey::kService, "", "", 500, 50, true}};
  bundle.policy.concurrency = {policy::Limiter::kVegas, 32, 4, 512, "x-priority"};
  bundle.policy.bulkheads = {20, 30};
  bundle.policy.hedging = {true, 3.5, std::chrono::milliseconds(7)};
  bundle.policy.timeouts.adaptive = policy::Mode::kShadow;
  bundle.policy.circuit_breaker.predict = policy::Mode::kAct;
  bundle.policy.outlier_detection.latency_factor = 3;
  bundle.policy.circuit_breaker.failure_threshold = 7.5;
  bundle.policy.outlier_detection.max_ejected_percent = 50;
  bundle.policy.connection_pool.max_connections = 7;
  bundle.policy.health_check.enabled = true;
  bundle.policy.health_check.path = "/healthz";
  bundle.policy.retry.codes = {418, 429};
  bundle.policy.timeouts.attempt = std::chrono::milliseconds(500);
  bundle.sources = {{"timeouts.attempt", "ServicePolicy shop/cart"}};
  policy::RouteRule rule;
  rule.name = "shop/cart-route/0";
  rule.matches = {{{policy::MatchType::kRegex, "/a.*"},
                   {{policy::MatchType::kExact, "x-user", "7"}},
                   {{policy::MatchType::kRegex, "q", "[0-9]+"}},
                   "GET"}};
  rule.request_headers = {{{"x-set", "1"}}, {{"x-add", "2"}}, {"x-gone"}};
  rule.response_headers.remove = {"server"};
  rule.rewrite_path = policy::PathRewrite{true, "/b"};
  rule.rewrite_hostname = "cart.example.com";
  rule.mirrors = {{{bundle.key, 81}, 0.25}};
  rule.backends = {{{bundle.key, 80}, 9, true, {{{"x-b", "1"}}, {}, {}}, {}},
                   {{{"local", "shop", "gone"}, 80}, 1, false, {}, {}}};
  rule.timeouts.request = std::chrono::seconds(2);
  rule.retry.attempts = 5;
  rule.sources = {{"retry.attempts", "HTTPRoute shop/cart-route rule 0"}};
  policy::RouteRule redirect;
  redirect.name = "shop/cart-route/1";
  redirect.matches = {{}};
  redirect.redirect = policy::Redirect{"https", "example.com", policy::PathRewrite{false, "/x"}, 8443, 301};
  bundle.routes = {{"shop/cart-route", "shop", 80, true, {"*.example.com"}, 1700000000, {rule, redirect}}};
  return bundle;
}

std::string FieldOf(const v1::ServiceBundle& message) {
  const Result<policy::ServiceBundle> read = FromProto(message);
  return read ? "accepted" : read.error().field;
}

TEST(WireTest, ABundleSurvivesTheRoundTripWithAllItsFields) {
  const std::string bytes = Serialize(Rich());
  const Result<policy::ServiceBundle> read = Parse(bytes);
  ASSERT_TRUE(read) << read.error().Text();
  EXPECT_EQ(Serialize(*read), bytes);
  EXPECT_EQ(read->routes[0].rules[0].matches[0].query[0].value, "[0-9]+");
  EXPECT_EQ(read->routes[0].rules[1].redirect->path->value, "/x");
  EXPECT_EQ(read->policy.timeouts.attempt, std::chrono::milliseconds(500));
  EXPECT_FALSE(read->routes[0].rules[0].backends[1].usable);
}

TEST(WireTest, TheHashIsTheSha256OfTheCanonicalBytes) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Seal(Rich()).value()->hash, Sha256Hex(Serialize(Rich())));
  policy::ServiceBundle other = Rich();
  other.routes[0].rules[0].backends[0].weight = 8;
  EXPECT_NE(Seal(other).value()->hash, Seal(Rich()).value()->hash);
}

TEST(WireTest, DefaultsOfTheBuiltInPolicyAreAccepted) {
  policy::ServiceBundle bundle;
  bundle.key = {"local", "default", "cart"};
  EXPECT_TRUE(Seal(bundle));
}

TEST(WireTest, AnAbsentBlockStandsForTheBuiltInDefaults) {
  v1::ServiceBundle message;
  *message.mutable_key() = ToProto(ServiceKey{"local", "default", "cart"});
  const policy::ServiceBundle bundle = FromProto(message).value();
  EXPECT_EQ(bundle.policy.circuit_breaker.failure_threshold, 10);
  EXPECT_EQ(bundle.policy.timeouts.connect, std::chrono::seconds(1));
}

TEST(WireTest, EachRefusalNamesTheFieldByItsPath) {
  using Edit = std::function<void(v1::ServiceBundle&)>;
  const auto rule = [](v1::ServiceBundle& b) -> v1::RouteRule& {
    return *b.mutable_routes(0)->mutable_rules(0);
  };
  const std::vector<std::pair<std::string, Edit>> cases = {
      {"accepted", [](auto&) {}},
      {"key.name", [](auto& b) { b.mutable_key()->set_name("Cart"); }},
      {"ports[1].port", [](auto& b) { b.mutable_ports(1)->set_port(0); }},
      {"ports[1].port", [](auto& b) { b.mutable_ports(1)->set_port(80); }},
      {"ports[0].protocol", [](auto& b) { b.mutable_ports(0)->set_protocol(static_cast<v1::Protocol>(99)); }},
      {"addresses[1]", [](auto& b) { b.set_addresses(1, "cart.local"); }},
      {"policy.circuit_breaker.failure_threshold",
       [](auto& b) { b.mutable_policy()->mutable_circuit_breaker()->set_failure_threshold(0); }},
      {"policy.circuit_breaker.weight_slow",
       [](auto& b) { b.mutable_policy()->mutable_circuit_breaker()->set_weight_slow(std::nan("")); }},
      {"policy.timeouts.attempt_ns",
       [](auto& b) { b.mutable_policy()->mutable_timeouts()->set_attempt_ns(-1); }},
      {"policy.outlier_detection.max_ejection_ns",
       [](auto& b) { b.mutable_policy()->mutable_outlier_detection()->set_max_ejection_ns(1); }},
      {"policy.health_check.path", [](auto& b) { b.mutable_policy()->mutable_health_check()->clear_path(); }},
      {"policy.retry.codes[1]", [](auto& b) { b.mutable_policy()->mutable_retry()->set_codes(1, 200); }},
      {"policy.retry.on", [](auto& b) { b.mutable_policy()->mutable_retry()->set_on(1U << 20U); }},
      {"policy.load_balancer.policy",
       [](auto& b) {
         b.mutable_policy()->mutable_load_balancer()->set_policy(static_cast<v1::Balancer>(42));
       }},
      {"policy.load_balancer.load_factor",
       [](auto& b) { b.mutable_policy()->mutable_load_balancer()->set_load_factor(0.5); }},
      {"policy.concurrency.initial",
       [](auto& b) { b.mutable_policy()->mutable_concurrency()->set_initial(3); }},
      {"policy.rate_limits.limits[1].header",
       [](auto& b) { b.mutable_policy()->mutable_rate_limits()->mutable_limits(1)->clear_header(); }},
      {"policy.rate_limits.limits[0].rate",
       [](auto& b) { b.mutable_policy()->mutable_rate_limits()->mutable_limits(0)->set_rate(0); }},
      {"policy.connection_pool.http2",
       [](auto& b) { b.mutable_policy()->mutable_connection_pool()->set_http2(true); }},
      {"routes[0].namespace", [](auto& b) { b.mutable_routes(0)->clear_namespace_(); }},
      {"routes[0].hostnames", [](auto& b) { b.mutable_routes(0)->set_hostnames(0, "a b"); }},
      {"routes[0].rules[0].matches", [&](auto& b) { rule(b).clear_matches(); }},
      {"routes[0].rules[0].matches[0].path.value",
       [&](auto& b) { rule(b).mutable_matches(0)->mutable_path()->set_value("("); }},
      {"routes[0].rules[0].matches[0].headers[0].name",
       [&](auto& b) { rule(b).mutable_matches(0)->mutable_headers(0)->set_name("X-User"); }},
      {"routes[0].rules[0].request_headers.set[0].value",
       [&](auto& b) { rule(b).mutable_request_headers()->mutable_set(0)->set_value("a\r\nb: c"); }},
      {"routes[0].rules[0].rewrite_path.value",
       [&](auto& b) { rule(b).mutable_rewrite_path()->set_value("/a b"); }},
      {"routes[0].rules[0].mirrors[0].fraction",
       [&](auto& b) { rule(b).mutable_mirrors(0)->set_fraction(1.5); }},
      {"routes[0].rules[0].backends[0].backend.port",
       [&](auto& b) { rule(b).mutable_backends(0)->mutable_backend()->set_port(70000); }},
      {"routes[0].rules[0].backends[0].weight",
       [&](auto& b) { rule(b).mutable_backends(0)->set_weight(2000000); }},
      {"routes[0].rules[1].redirect.status",
       [](auto& b) { b.mutable_routes(0)->mutable_rules(1)->mutable_redirect()->set_status(200); }},
  };
  for (const auto& [field, edit] : cases) {
    v1::ServiceBundle message = ToProto(Rich());
    edit(message);
    EXPECT_EQ(FieldOf(message), field);
  }
}

TEST(WireTest, BytesThatAreNoBundleAreRefused) {
  EXPECT_EQ(Parse("\xff\xff\xff").error().field, "bundle");
  EXPECT_EQ(Parse(std::string(kMaxBundleBytes + 1, 'x')).error().kind, ErrorKind::kTooLarge);
}

snapshot::EndpointsUpdate TwoInstances() {
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = {"local", "shop", "cart"};
  endpoints->version = 9;
  for (const char* id : {"b", "a"}) {
    snapshot::Instance instance;
    instance.id = id;
    instance.address = net::Address::Parse("10.0.0.1:8080").value();
    instance.ports = {{"grpc", 8081}};
    instance.labels = {{"version", "v1"}};
    instance.zone = "a";
    instance.declared = snapshot::Declared::kDegraded;
    instance.capabilities.meshed = instance.capabilities.mtls = true;
    endpoints->instances.push_back(instance);
  }
  return {"store", 3, endpoints};
}

TEST(WireTest, EndpointsComeBackSortedWithTheirHashes) {
  const snapshot::EndpointsUpdate read = FromProto(ToProto(TwoInstances())).value();
  EXPECT_EQ(read.store_id, "store");
  EXPECT_EQ(read.epoch, 3u);
  ASSERT_EQ(read.endpoints->instances.size(), 2u);
  const snapshot::Instance& first = read.endpoints->instances[0];
  EXPECT_EQ(first.id, "a");
  EXPECT_EQ(first.hash, HashBytes("a"));
  EXPECT_EQ(first.ports.at("grpc"), 8081);
  EXPECT_EQ(first.labels.at("version"), "v1");
  EXPECT_TRUE(first.capabilities.meshed);
  EXPECT_TRUE(first.capabilities.mtls);
  EXPECT_FALSE(first.capabilities.http2);
}

TEST(WireTest, ABadInstanceIsNamed) {
  v1::Endpoints message = ToProto(TwoInstances());
  message.mutable_instances(1)->set_address("nowhere");
  EXPECT_EQ(FromProto(message).error().field, "instances[1].address");
  message = ToProto(TwoInstances());
  message.mutable_instances(1)->set_id("b");
  EXPECT_EQ(FromProto(message).error().field, "instances");
}

TEST(WireTest, OneBadBundleOfADeltaIsRefusedAlone) {
  v1::Delta delta;
  delta.set_sequence(4);
  *delta.mutable_version() = ToProto(snapshot::Version{"s", 1, 2});
  *delta.add_bundles() = ToUpdate(Rich());
  v1::ServiceBundle bad = ToProto(Rich());
  bad.mutable_key()->set_name("web");
  bad.mutable_ports(0)->set_port(0);
  *delta.add_bundles()->mutable_service() = bad.key();
  delta.mutable_bundles(1)->set_bundle(bad.SerializeAsString());
  *delta.add_bundles() = ToUpdate(Rich());
  delta.mutable_bundles(2)->set_hash("00");
  *delta.add_endpoints() = ToProto(TwoInstances());
  const snapshot::Delta read = FromProto(delta).value();
  EXPECT_EQ(read.bundles.size(), 1u);
  ASSERT_EQ(read.refused.size(), 2u);
  EXPECT_EQ(read.refused[0].error.field, "ports[0].port");
  EXPECT_EQ(read.refused[0].hash, Sha256Hex(bad.SerializeAsString()));
  EXPECT_EQ(read.refused[1].error.field, "hash");
  EXPECT_EQ(read.endpoints.size(), 1u);
}

TEST(WireTest, ADeltaThatNamesNoServiceIsMalformed) {
  v1::Delta delta;
  delta.add_removed();
  EXPECT_EQ(FromProto(delta).error().field, "removed[0].namespace");
}

}  // namespace
}  // namespace weft::wire
