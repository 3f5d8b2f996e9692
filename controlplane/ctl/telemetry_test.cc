#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

TEST(StatTest, RowsLookLikeLinkerds) {
  Fake fake;
  fake.On("GET /api/v1/stats/services", R"({"items": [
    {"namespace": "demo", "name": "cart", "instances": 3, "meshed": 3, "requests": 600, "retries": 2, "successRate": 0.9967, "rps": 100.04, "p50Ms": 1.2, "p95Ms": 12.7, "p99Ms": 123.4, "circuit": "closed"},
    {"namespace": "demo", "name": "idle", "instances": 1, "meshed": 0, "requests": 0, "retries": 0, "successRate": 1.0, "rps": 0.0, "p50Ms": 0.0, "p95Ms": 0.0, "p99Ms": 0.0, "circuit": "closed"}]})");
  ASSERT_EQ(fake.Run({"stat", "-n", "demo"}), 0) << fake.err;
  ExpectGolden(fake.out, "stat");
}

constexpr const char* kGraph = R"({"nodes": [
  {"namespace": "default", "name": "laptop", "client": true},
  {"namespace": "default", "name": "web", "health": "healthy", "instances": 2, "healthy": 2},
  {"namespace": "shop", "name": "cart", "health": "healthy", "instances": 3, "healthy": 3},
  {"namespace": "shop", "name": "stock", "health": "degraded", "instances": 2, "healthy": 1}],
 "edges": [
  {"from": {"namespace": "default", "name": "laptop", "client": true}, "to": {"namespace": "default", "name": "web"}, "requests": 120, "failures": 0, "retries": 0,
   "rps": 2.0, "successRate": 1.0, "p50Ms": 3.1, "p95Ms": 9.2, "p99Ms": 12.0, "circuit": "closed", "reasons": {}, "issues": []},
  {"from": {"namespace": "default", "name": "web"}, "to": {"namespace": "shop", "name": "cart"}, "requests": 2406, "failures": 8, "retries": 3,
   "rps": 40.1, "successRate": 0.9967, "p50Ms": 2.0, "p95Ms": 7.1, "p99Ms": 11.2, "circuit": "closed", "reasons": {}, "issues": []},
  {"from": {"namespace": "shop", "name": "cart"}, "to": {"namespace": "shop", "name": "stock"}, "requests": 2400, "failures": 1243, "retries": 40,
   "rps": 40.0, "successRate": 0.4821, "p50Ms": 1.0, "p95Ms": 3.1, "p99Ms": 5.2, "circuit": "open", "reasons": {"breaker_open": 7}, "issues": ["HighErrorRate", "CircuitOpen"]}],
 "overflows": 0})";

TEST(EdgesTest, RowsAreEdgesWithTheirNumbersAndMayBeNarrowed) {
  Fake fake;
  fake.On("GET /api/v1/graph", kGraph).On("GET /api/v1/graph?namespace=shop", kGraph);
  ASSERT_EQ(fake.Run({"edges"}), 0) << fake.err;
  ExpectGolden(fake.out, "edges");
  ASSERT_EQ(fake.Run({"edges", "--from", "shop/cart", "-o", "json"}), 0) << fake.err;
  EXPECT_EQ(Json::parse(fake.out)["items"].size(), 1U);
  ASSERT_EQ(fake.Run({"edges", "-n", "shop", "--to", "stock"}), 0) << fake.err;
  EXPECT_EQ(fake.asked.back().target, "/api/v1/graph?namespace=shop");
  EXPECT_EQ(fake.out.find("laptop"), std::string::npos);
  fake.On("GET /api/v1/graph", R"({"nodes": [], "edges": []})");
  for (const char* verb : {"edges", "graph"}) {
    ASSERT_EQ(fake.Run({verb}), 0);
    EXPECT_EQ(fake.err, "No edges: no agent reported requests in the last 15 minutes.\n") << verb;
  }
}

TEST(CtlGraphTest, ItIsATreeOrADrawingForGraphviz) {
  Fake fake;
  fake.On("GET /api/v1/graph", kGraph);
  ASSERT_EQ(fake.Run({"graph"}), 0) << fake.err;
  ExpectGolden(fake.out, "graph");
  ASSERT_EQ(fake.Run({"graph", "-o", "dot"}), 0) << fake.err;
  ExpectGolden(fake.out, "graph-dot");
  EXPECT_EQ(fake.Run({"stat", "-o", "dot"}), 1);
  EXPECT_EQ(fake.err, "error: -o: only weftctl graph prints dot; use table, wide, json or yaml\n");
}

TEST(CtlGraphTest, CallsInACircleEnd) {
  Fake fake;
  fake.On(
      "GET /api/v1/graph",
      R"({"nodes": [{"namespace": "default", "name": "a"}, {"namespace": "default", "name": "b"}], "edges": [
    {"from": {"namespace": "default", "name": "a"}, "to": {"namespace": "default", "name": "b"}},
    {"from": {"namespace": "default", "name": "b"}, "to": {"namespace": "default", "name": "a"}}]})");
  ASSERT_EQ(fake.Run({"graph"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "a\n└─ b  0.0rps -\n   └─ a  0.0rps -\n");
}

TEST(IssuesTest, CausesComeFirstAndTheFirstOnesAdviceIsTold) {
  Fake fake;
  fake.On("GET /api/v1/issues", R"({"items": [
    {"code": "HighErrorRate", "severity": "critical", "kind": "Edge", "subject": "shop/cart -> shop/stock", "since": "2024-01-15T09:49:48Z",
     "evidence": "51.8 % of 400 requests in the last 10 s failed: 5xx from the service 207", "suggestion": "look at the log of shop/stock"},
    {"code": "HighErrorRate", "severity": "critical", "kind": "Edge", "subject": "web -> shop/cart", "since": "2024-01-15T09:49:50Z",
     "cause": "HighErrorRate shop/cart -> shop/stock", "evidence": "50.2 % of 401 requests in the last 10 s failed: 5xx from the service 201", "suggestion": "x"}]})");
  ASSERT_EQ(fake.Run({"issues"}), 0) << fake.err;
  ExpectGolden(fake.out, "issues");
  ASSERT_EQ(fake.Run({"issues", "-o", "json"}), 0) << fake.err;
  EXPECT_EQ(Json::parse(fake.out)["items"].size(), 2U);
  fake.On("GET /api/v1/issues?namespace=demo", R"({"items": []})");
  ASSERT_EQ(fake.Run({"issues", "-n", "demo"}), 0);
  EXPECT_EQ(fake.out, "No issues.\n");
}

TEST(ExplainTest, TheLastErrorOfAServiceIsFoundFirstAndThenExplained) {
  Fake fake;
  const auto record = [](const char* id, const char* service, int started) {
    return std::string(R"({"requestId": ")") + id + R"(", "service": ")" + service +
           R"(", "direction": "outbound", "status": 503, "reason": "breaker_open", "tookMs": 1, "startedUnixMs": )" +
           std::to_string(started) + "}";
  };
  fake.On("GET /api/v1/explain/-?lastErrorOf=shop%2Fcart",
          R"({"asked": 2, "answered": 2, "records": [{"agent": "a", "record": )" +
              record("old", "shop/cart", 5) + R"(}, {"agent": "b", "record": )" +
              record("new", "shop/cart", 9) + "}]}")
      .On("GET /api/v1/explain/new",
          R"({"records": [{"agent": "b", "record": )" + record("new", "shop/cart", 9) + "}]}")
      .On("GET /decisions?limit=1000&failed=true",
          "[" + record("other", "shop/stock", 9) + "," + record("mine", "shop/cart", 8) + "]")
      .On("GET /explain/mine", "[" + record("mine", "shop/cart", 8) + "]")
      .On("GET /api/v1/explain/-?lastErrorOf=shop%2Fstock", R"({"records": [], "asked": 2})");
  ASSERT_EQ(fake.Run({"explain", "--last-error", "shop/cart"}), 0) << fake.err;
  EXPECT_EQ(fake.out.substr(0, 3), "new");
  ASSERT_EQ(fake.Run({"explain", "--last-error", "cart", "-n", "shop", "--agent", "127.0.0.1:15000"}), 0)
      << fake.err;
  EXPECT_EQ(fake.out.substr(0, 4), "mine");
  EXPECT_EQ(fake.Run({"explain", "--last-error", "shop/stock"}), 1);
  EXPECT_NE(fake.err.find("shop/stock"), std::string::npos);
  EXPECT_EQ(fake.Run({"explain"}), 1);
}

TEST(ExplainTest, ARecordIsToldFromTopToBottom) {
  const std::string record =
      R"({"requestId": "r-1", "direction": "outbound", "service": "demo/cart", "backend": "demo/cart:80", "route": "demo/mark",
    "rule": "demo/mark/0", "revision": 7, "worker": 0, "number": 3, "startedUnixMs": 1705312100000, "tookMs": 12.5, "status": 503, "reason": "breaker_open",
    "why": "the circuit breaker of the service is open", "deadlineMs": 3000, "deadlineOf": "policy",
    "breaker": {"state": "open", "generation": 2, "points": 12, "requests": 40}, "retryTokens": 9.5, "inFlight": 1,
    "attempts": [{"instance": "cart-1", "startedMs": 0.1, "tookMs": 3.2, "outcome": "status", "status": 500, "reason": "ok", "retry": "retried",
    "candidates": [{"instance": "cart-1", "standing": "picked", "score": 1.5}, {"instance": "cart-2", "standing": "ejected"}]}]})";
  Fake fake;
  fake.On("GET /api/v1/explain/r-1",
          R"({"records": [{"agent": "web-1", "record": )" + record + R"(}], "asked": 2, "answered": 2})");
  fake.On("GET /explain/r-1", "[" + record + "]")
      .On("GET /api/v1/explain/none", R"({"records": [], "asked": 2, "answered": 2})");
  ASSERT_EQ(fake.Run({"explain", "r-1"}), 0) << fake.err;
  ExpectGolden(fake.out, "explain");
  ASSERT_EQ(fake.Run({"explain", "r-1", "--agent", "127.0.0.1:15000"}), 0) << fake.err;
  EXPECT_EQ(fake.dialled, "127.0.0.1:15000");
  fake.On("GET /api/v1/explain/alone", R"({"records": [], "asked": 0, "answered": 0})");
  EXPECT_EQ(fake.Run({"explain", "alone"}), 1);
  EXPECT_NE(fake.err.find("--agent IP:15000"), std::string::npos) << fake.err;
  EXPECT_EQ(fake.Run({"explain", "none"}), 1);
  EXPECT_NE(fake.err.find("no agent keeps"), std::string::npos) << fake.err;
}

TEST(ExplainTest, WhatLimitsPredictionAndHedgingSawIsToldWhenThereWasSomething) {
  Fake fake;
  fake.On(
      "GET /explain/r-2",
      R"([{"requestId": "r-2", "direction": "outbound", "service": "demo/cart", "revision": 7, "tookMs": 12.5,
    "status": 200, "reason": "ok", "caller": "spiffe://mesh.local/ns/demo/sa/web", "callerAttempt": 1, "zone": "own", "panic": true,
    "breaker": {"state": "recovering", "rampPercent": 25, "generation": 2, "points": 1.5, "requests": 40, "threshold": 12}, "risk": 0.4,
    "adaptiveTimeoutMs": 80, "hedgeAfterMs": 9.5, "hedge": "sent", "concurrencyLimit": 64, "rateLimit": "api", "bulkhead": "route",
    "retryTokens": 9.5, "inFlight": 3, "attempts": []}])");
  fake.On("GET /explain/r-3", R"([{"requestId": "r-3", "hedgeAfterMs": 9.5, "hedge": "utilization"}])");
  fake.On("GET /explain/r-4", R"([{"requestId": "r-4", "hedgeAfterMs": 9.5}])");
  const auto said = [&](const std::string& id) {
    EXPECT_EQ(fake.Run({"explain", id, "--agent", "127.0.0.1:15000"}), 0) << fake.err;
    return fake.out;
  };
  const std::string all = said("r-2");
  for (const char* line :
       {"recovering, 25% let through, points 1.5 of 12, requests 40",
        "spiffe://mesh.local/ns/demo/sa/web, its attempt 1",
        "refused by rate limit api, refused by bulkhead per route, concurrency limit 64, in flight 3",
        "zone own, panic", "adaptive 80ms", "risk 0.4", "due after 9.5ms, sent"})
    EXPECT_NE(all.find(line), std::string::npos) << line << " is not in\n" << all;
  EXPECT_NE(said("r-3").find("due after 9.5ms, not sent: utilization"), std::string::npos);
  EXPECT_NE(said("r-4").find("due after 9.5ms, not needed"), std::string::npos);
}

}  // namespace
}  // namespace weft::ctl
