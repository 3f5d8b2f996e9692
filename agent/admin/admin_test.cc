#include "agent/admin/admin.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/admin/pages.h"

namespace weft::admin {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

const report::EdgeKey kCart{{{"local", "default", "cart"}, 80}, engine::Direction::kOutbound};

report::AgentStatus SomeStatus() {
  report::AgentStatus status;
  status.revision = 7;
  report::BackendStatus& backend = status.backends[kCart];
  backend.circuit.state = "half_open";
  backend.circuit.threshold = 10;
  backend.instances["cart-1"].address = "127.0.0.1:9001";
  backend.instances["cart-1"].weight = 10;
  backend.instances["cart-2"].state = engine::InstanceState::kEjected;
  report::BackendTotals& totals = status.totals[kCart];
  totals.failure_kinds[static_cast<std::size_t>(report::FailureKind::kTimeout)] = 2;
  totals.last_used = TimePoint(std::chrono::milliseconds(5123));
  totals.instances["cart-1"] = {145, 5, 250.5e6};
  report::EdgeTotals& edge = totals.edges["default"];
  edge.requests = 150;
  edge.successes = 145;
  edge.failures = 5;
  edge.total_nanos = 150 * 250'500'000ULL;
  for (int i = 0; i < 150; ++i) edge.latency.Add(250'500);
  return status;
}

// Handlers with providers that answer at once.
struct Pages {
  std::shared_ptr<Providers> providers = std::make_shared<Providers>();
  std::shared_ptr<metrics::Registry> registry = std::make_shared<metrics::Registry>();
  std::shared_ptr<const report::Families> families = std::make_shared<report::Families>(*registry);
  http::DeferredHandler admin, telemetry;
  int drains = 0;

  Pages() {
    providers->service = "web";
    providers->now = [] { return TimePoint(seconds(100)); };
    providers->post = [](const std::function<void()>& function) { function(); };
    providers->gather = [](const auto& done) { done(SomeStatus()); };
    providers->explain = [](const std::string& id, const auto& done) {
      done(id == "r 1" ? Records{"{\"id\": \"r 1\"}"} : Records{});
    };
    providers->decisions = [](std::size_t most, bool bad, const auto& done) {
      done(Records{std::to_string(most), bad ? "true" : "false"});
    };
    providers->identity = [] { return IdentityStatus{WallTime(seconds(1'700'000'000)), 3, 1}; };
    providers->config_status = [] { return ConfigStatus{3, seconds(2)}; };
    providers->log_level = [] { return std::string("info"); };
    providers->set_log_level = [](std::string_view level) -> Status {
      if (level != "debug") return Invalid("levels are debug and info", "level");
      return {};
    };
    providers->drain = [this] { ++drains; };
    admin = AdminHandler(providers);
    telemetry = TelemetryHandler(providers, registry, families);
  }
  static http::Response Ask(const http::DeferredHandler& handler, std::string method, std::string target,
                            std::string host = "127.0.0.1:15000") {
    http::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers.emplace_back("Host", std::move(host));
    http::Response answer;
    answer.status = 0;
    handler(request, [&answer](http::Response response) { answer = std::move(response); });
    return answer;
  }
  http::Response Get(std::string target) const { return Ask(admin, "GET", std::move(target)); }
};

TEST(AdminTest, PagesShowTheStateOfTheWorkers) {
  const Pages pages;
  const Json instances = Json::parse(pages.Get("/instances").body)["instances"];
  EXPECT_EQ(instances[0]["id"], "cart-1");
  EXPECT_EQ(instances[0]["requests"], 145);
  EXPECT_EQ(instances[1]["state"], "ejected");
  const Json circuit = Json::parse(pages.Get("/circuits").body)["circuits"][0];
  EXPECT_EQ(circuit["state"], "half_open");
  EXPECT_EQ(circuit["service"], "default/cart");
  EXPECT_EQ(Json::parse(pages.Get("/pools").body)["pools"].size(), 1U);
}

TEST(AdminTest, AHostNameFromElsewhereIsRefused) {
  const Pages pages;
  EXPECT_NE(Pages::Ask(pages.admin, "GET", "/circuits", "evil.example.com").status, 200);
  EXPECT_EQ(Pages::Ask(pages.admin, "GET", "/circuits", "localhost:15000").status, 200);
}

TEST(AdminTest, OnlyPostChangesThings) {
  const Pages pages;
  const http::Response refused = pages.Get("/drain");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.Header("allow"), "POST");
  EXPECT_EQ(pages.drains, 0);
  EXPECT_EQ(Pages::Ask(pages.admin, "POST", "/drain").status, 200);
  EXPECT_EQ(pages.drains, 1);
  EXPECT_EQ(Pages::Ask(pages.admin, "POST", "/circuits").status, 405);
}

TEST(AdminTest, TheLogLevelIsShownAndSet) {
  const Pages pages;
  EXPECT_EQ(Json::parse(pages.Get("/logging").body)["level"], "info");
  EXPECT_EQ(Pages::Ask(pages.admin, "POST", "/logging?level=debug").status, 200);
  EXPECT_EQ(Pages::Ask(pages.admin, "POST", "/logging?level=loud").status, 400);
}

TEST(AdminTest, ARecordIsFoundByItsRequestAndAMissingOneSaysWhereToLook) {
  const Pages pages;
  EXPECT_EQ(Json::parse(pages.Get("/explain/r%201").body)["records"][0]["id"], "r 1");
  const http::Response missing = pages.Get("/explain/r-2");
  EXPECT_EQ(missing.status, 404);
  EXPECT_NE(missing.body.find("access log"), std::string::npos);
}

TEST(AdminTest, DecisionsTakeALimitAndAFilter) {
  const Pages pages;
  EXPECT_EQ(Json::parse(pages.Get("/decisions?limit=20&failed=true").body)["records"],
            Json::parse("[20, true]"));
  EXPECT_EQ(Json::parse(pages.Get("/decisions").body)["records"], Json::parse("[100, false]"));
  for (const char* bad : {"/decisions?limit=x", "/decisions?limit=0", "/decisions?limit=100000"}) {
    EXPECT_EQ(pages.Get(bad).status, 400) << bad;
  }
}

TEST(AdminTest, WhatIsNotThereSaysSo) {
  const Pages pages;
  EXPECT_EQ(pages.Get("/nothing").status, 404);
  EXPECT_EQ(pages.Get("/explain/").status, 404);
  EXPECT_EQ(pages.Get("/config").status, 501);
  EXPECT_EQ(pages.Get("/snapshot").status, 503);
  EXPECT_NE(pages.Get("/").body.find("POST /drain\n"), std::string::npos);
}

TEST(AdminTest, TheSnapshotListsServicesRoutesAndInstances) {
  Pages pages;
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = kCart.first.service;
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->routes.resize(1);
  bundle->routes[0].name = "default/r";
  bundle->routes[0].rules.resize(1);
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->instances.resize(1);
  endpoints->instances[0].id = "cart-1";
  auto service = std::make_shared<snapshot::Service>();
  service->bundle = bundle;
  service->endpoints = endpoints;
  auto snapshot = std::make_shared<snapshot::Snapshot>();
  snapshot->version = {"s", 1, 7};
  snapshot->services.emplace(bundle->key, service);
  pages.providers->snapshot = [snapshot] { return snapshot; };
  const Json page = Json::parse(pages.Get("/snapshot").body);
  EXPECT_EQ(page["revision"], 7);
  EXPECT_EQ(page["services"][0]["service"], "default/cart");
  EXPECT_EQ(page["services"][0]["routes"][0]["name"], "default/r");
  EXPECT_EQ(page["services"][0]["endpoints"]["instances"][0]["id"], "cart-1");
}

TEST(HealthStatsTest, TheDocumentHasTheSeedsShape) {
  const Json document = Json::parse(Pages().Get("/api/v1/health/stats").body);
  EXPECT_EQ(document["timestamp"], "1970-01-01T00:01:40Z");
  EXPECT_EQ(document["service"], "web");
  const Json& statistics = document["statistics"];
  EXPECT_EQ(statistics["service_health"], Json::parse(R"({"cart": "degraded"})"));
  EXPECT_EQ(statistics["circuit_breakers"]["cart"], Json::parse(R"({
    "service_name": "cart", "state": "half_open", "total_requests": 150, "successful_requests": 145,
    "failed_requests": 5, "success_rate": 0.9666666666666667, "consecutive_failures": 0, "adaptive_threshold": 10,
    "failure_counts": {"timeout": 2, "error_5xx": 0, "connection_error": 0, "slow_response": 0, "error_4xx": 0},
    "response_time_stats": {"average_ms": 250.5, "p95_ms": 251.904, "p99_ms": 251.904}})"));
  EXPECT_EQ(statistics["connection_pools"]["cart"], Json::parse(R"({
    "total_requests": 150, "successful_requests": 145, "failed_requests": 5, "average_response_time": 250.5,
    "last_used": 5.123, "created_at": 0.0})"));
  const Json& discovery = statistics["service_discovery"]["cart"];
  EXPECT_EQ(discovery["healthy_instances"], 1);
  EXPECT_EQ(discovery["unhealthy_instances"], 1);
  EXPECT_EQ(discovery["instances"][0], Json::parse(R"({
    "name": "cart-1", "url": "http://127.0.0.1:9001", "health": "healthy", "weight": 10, "response_time_ms": 250.5,
    "failure_count": 5, "success_count": 140, "last_check": 0.0})"));
}

// Names and kinds of values, nested; of objects keyed by service, one stands for all.
Json ShapeOf(const Json& value) {
  if (value.is_array()) return value.empty() ? Json::array() : Json::array({ShapeOf(value[0])});
  if (!value.is_object()) return value.is_number() ? "number" : value.type_name();
  Json shape = Json::object();
  for (const auto& [key, member] : value.items()) {
    const bool service = key == "cart" || key == "code-generator";
    shape[service ? "(service)" : key] = ShapeOf(member);
  }
  return shape;
}

TEST(HealthStatsTest, AgentAndControlPlaneGiveTheSameDocument) {
  std::ifstream golden("tests/golden/health_stats.json");
  EXPECT_EQ(ShapeOf(Json::parse(Pages().Get("/api/v1/health/stats").body)), ShapeOf(Json::parse(golden)));
}

TEST(TelemetryTest, MetricsCarryTheStateOfTheScrape) {
  const Pages pages;
  const http::Response response = Pages::Ask(pages.telemetry, "GET", "/metrics", "anything");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"weft_config_revision 7\n", "weft_config_rejected_total 3\n", "weft_config_age_seconds 2\n",
        "weft_identity_expires_timestamp_seconds 1700000000\n",
        "weft_identity_answers_total{result=\"refused\"} 1\n",
        "weft_circuit_state{service=\"cart\",namespace=\"default\",port=\"80\",state=\"half_open\"} 1\n"}) {
    EXPECT_NE(response.body.find(line), std::string::npos) << line;
  }
}

TEST(TelemetryTest, ReadinessSaysWhatIsMissing) {
  const Pages pages;
  pages.providers->readiness = [] { return Readiness{false, "starting", "no configuration yet"}; };
  const http::Response response = Pages::Ask(pages.telemetry, "GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "starting: no configuration yet\n");
  pages.providers->readiness = [] { return Readiness{true, "ready", {}}; };
  EXPECT_EQ(Pages::Ask(pages.telemetry, "GET", "/readyz").status, 200);
  EXPECT_EQ(Pages::Ask(pages.telemetry, "GET", "/livez").status, 200);
  EXPECT_EQ(Pages::Ask(pages.telemetry, "POST", "/metrics").status, 405);
}

}  // namespace
}  // namespace weft::admin
