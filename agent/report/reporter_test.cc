#include "agent/report/reporter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace weft::report {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr TimePoint kBegin{std::chrono::seconds(100)};

// A reporter, a service port with one instance, and a call to it that took 20 ms.
struct Scene {
  metrics::Registry registry;
  Families families{registry};
  policy::ServicePolicy policy;
  policy::RouteRule rule;
  engine::Backend backend;
  engine::Target target;
  engine::Call call;
  RequestReport report;
  Reporter reporter;

  explicit Scene(std::unique_ptr<AccessLog> log = nullptr) : reporter(registry, families, std::move(log)) {
    backend.key = {{"local", "default", "cart"}, 80};
    backend.key_text = backend.key.ToString();
    backend.policy = &policy;
    auto instance = std::make_shared<snapshot::Instance>();
    instance->id = "cart-1";
    target.instance = instance;
    target.hash = HashBytes(instance->id);
    rule.name = "default/cart-route/0";
    call.backend = &backend;
    call.rule = &rule;
    call.started = kBegin;
    Attempt(engine::Outcome::kResponse, 200);
    report.call = &call;
    report.status = 200;
    report.method_text = "GET";
    report.authority = "cart";
    report.target = "/items?token=secret";
    report.request_id = "r-1";
    report.ended = kBegin + milliseconds(20);
  }
  void Attempt(engine::Outcome outcome, std::uint16_t status, const char* why = "") {
    engine::AttemptRecord& attempt = call.log[call.attempts++];
    attempt.target = &target;
    attempt.started = kBegin;
    attempt.ended = kBegin + milliseconds(10);
    attempt.result.outcome = outcome;
    attempt.result.status = status;
    attempt.retry_why = why;
  }
  bool Shows(const std::string& line) const { return registry.Text().find(line + "\n") != std::string::npos; }
};

TEST(ReporterTest, ARequestIsOneCountWithAllItsLabels) {
  Scene scene;
  scene.reporter.Request(scene.report);
  EXPECT_TRUE(scene.Shows(
      "weft_requests_total{direction=\"outbound\",service=\"cart\",namespace=\"default\",port=\"80\",peer="
      "\"\","
      "route=\"default/cart-route/0\",method_class=\"safe\",code_class=\"2xx\",code=\"200\",grpc_status=\"\","
      "reason=\"ok\",classification=\"success\"} 1"))
      << scene.registry.Text();
  EXPECT_TRUE(
      scene.Shows("weft_request_duration_seconds_bucket{direction=\"outbound\",service=\"cart\",namespace="
                  "\"default\",route=\"default/cart-route/0\",classification=\"success\",le=\"0.025\"} 1"));
  EXPECT_TRUE(
      scene.Shows("weft_attempts_total{service=\"cart\",namespace=\"default\",outcome=\"success\"} 1"));
}

TEST(ReporterTest, ARequestWithoutAServiceCountsWithEmptyNames) {
  Scene scene;
  scene.call.backend = nullptr;
  scene.call.rule = nullptr;
  scene.call.attempts = 0;
  scene.report.reason = Reason::kUnknownService;
  scene.report.status = 404;
  scene.reporter.Request(scene.report);
  EXPECT_TRUE(scene.Shows(
      "weft_requests_total{direction=\"outbound\",service=\"\",namespace=\"\",port=\"\",peer=\"\",route="
      "\"default\",method_class=\"safe\",code_class=\"4xx\",code=\"404\",grpc_status=\"\",reason="
      "\"unknown_service\",classification=\"failure\"} 1"))
      << scene.registry.Text();
}

TEST(ReporterTest, RetriesAndTheirBudgetAreCounted) {
  Scene scene;
  scene.call.attempts = 0;
  scene.Attempt(engine::Outcome::kConnectFailed, 0);
  scene.Attempt(engine::Outcome::kResponse, 503, "budget");
  scene.report.status = 503;
  scene.reporter.Request(scene.report);
  EXPECT_TRUE(scene.Shows(
      "weft_attempts_total{service=\"cart\",namespace=\"default\",outcome=\"connect_failed\"} 1"));
  EXPECT_TRUE(
      scene.Shows("weft_attempts_total{service=\"cart\",namespace=\"default\",outcome=\"error_5xx\"} 1"));
  EXPECT_TRUE(scene.Shows("weft_retries_total{service=\"cart\",namespace=\"default\",result=\"failure\"} 1"));
  EXPECT_TRUE(scene.Shows("weft_retry_budget_exhausted_total{service=\"cart\",namespace=\"default\"} 1"));
  const BackendTotals totals = scene.reporter.Copy().begin()->second;
  EXPECT_EQ(totals.instances.at("cart-1").requests, 2U);
  EXPECT_EQ(totals.instances.at("cart-1").failures, 2U);
  EXPECT_EQ(totals.consecutive_failures, 1U);
}

TEST(ReporterTest, ARuleThatTookTheAddressOfAnotherIsCountedUnderItsOwnName) {
  Scene scene;
  scene.reporter.Request(scene.report);
  scene.rule.name = "default/cart-route/1";
  scene.reporter.Request(scene.report);
  const Totals totals = scene.reporter.Copy();
  EXPECT_EQ(totals.begin()->second.edges.size(), 2U);
}

TEST(ReporterTest, CountingGoesOnAfterSeriesWereRetired) {
  Scene scene;
  scene.registry.Expire(kBegin);
  scene.reporter.Request(scene.report);
  scene.registry.Expire(kBegin);
  scene.registry.Expire(kBegin + minutes(20));
  EXPECT_FALSE(
      scene.Shows("weft_attempts_total{service=\"cart\",namespace=\"default\",outcome=\"success\"} 1"));
  scene.reporter.Flush(kBegin + minutes(20));
  scene.registry.Expire(kBegin + minutes(20));
  scene.reporter.Request(scene.report);
  EXPECT_TRUE(
      scene.Shows("weft_attempts_total{service=\"cart\",namespace=\"default\",outcome=\"success\"} 1"))
      << scene.registry.Text();
}

TEST(ReporterTest, TotalsOfTwoWorkersAddUpAndTheirDifferenceIsWhatCameSince) {
  Scene one, two;
  one.reporter.Request(one.report);
  two.reporter.Request(two.report);
  Totals all = one.reporter.Copy();
  Merge(all, two.reporter.Copy());
  EdgeTotals now = all.begin()->second.Sum();
  EXPECT_EQ(now.requests, 2U);
  EXPECT_NEAR(now.latency.Percentile(95), 20000, 400);
  now.Subtract(one.reporter.Copy().begin()->second.Sum());
  EXPECT_EQ(now.requests, 1U);
  EXPECT_EQ(now.latency.total(), 1U);
  EXPECT_EQ(now.statuses[2], 1U);
}

TEST(ReporterTest, LentConnectionsMakeTheReuseRatioAndConnectionsAreCountedAndOpen) {
  Scene scene;
  scene.reporter.Flush(kBegin);
  scene.reporter.Lent(scene.backend, false, milliseconds(3));
  scene.reporter.Lent(scene.backend, true, Duration::zero());
  scene.reporter.Opened(engine::Direction::kInbound);
  scene.reporter.Opened(engine::Direction::kInbound);
  scene.reporter.Closed(engine::Direction::kInbound);
  scene.reporter.StreamBegan(engine::Direction::kInbound);
  scene.reporter.StreamBegan(engine::Direction::kInbound);
  StreamReport stream;
  stream.direction = engine::Direction::kInbound;
  stream.kind = StreamKind::kUpgrade;
  stream.reason = Reason::kStreamIdle;
  stream.received = 5;
  stream.sent = 7;
  scene.reporter.StreamEnded(stream);
  const BackendTotals totals = scene.reporter.Copy().begin()->second;
  EXPECT_EQ(totals.lent, 2U);
  EXPECT_EQ(totals.reused, 1U);
  EXPECT_EQ(totals.created, kBegin);
  EXPECT_TRUE(scene.Shows("weft_pool_wait_seconds_count{service=\"cart\",namespace=\"default\"} 1"));
  EXPECT_TRUE(scene.Shows("weft_connections_total{direction=\"inbound\"} 2"));
  EXPECT_TRUE(scene.Shows("weft_streams_open{direction=\"inbound\"} 1"));
  EXPECT_TRUE(
      scene.Shows("weft_streams_total{direction=\"inbound\",service=\"\",namespace=\"\",port=\"\","
                  "kind=\"upgrade\",reason=\"stream_idle\"} 1"));
  EXPECT_TRUE(scene.Shows("weft_connections_open{direction=\"inbound\"} 1"));
  EXPECT_TRUE(scene.Shows("weft_bytes_total{direction=\"inbound\",way=\"sent\"} 7"));
}

TEST(LabelsTest, WhatTheClientDidIsIgnoredAndWhatTheMeshRefusedIsAFailure) {
  EXPECT_EQ(Classify(Reason::kOk, 404, -1), Classification::kSuccess);
  EXPECT_EQ(Classify(Reason::kOk, 503, -1), Classification::kFailure);
  EXPECT_EQ(Classify(Reason::kOk, 200, 14), Classification::kFailure);
  EXPECT_EQ(Classify(Reason::kOk, 200, 5), Classification::kSuccess);
  EXPECT_EQ(Classify(Reason::kBreakerOpen, 503, -1), Classification::kFailure);
  EXPECT_EQ(Classify(Reason::kShed, 503, -1), Classification::kFailure);
  EXPECT_EQ(Classify(Reason::kUpstreamTruncated, 200, -1), Classification::kFailure);
  EXPECT_EQ(Classify(Reason::kClientClosed, 0, -1), Classification::kIgnored);
  EXPECT_EQ(Classify(Reason::kCallerDeadline, 504, -1), Classification::kIgnored);
  EXPECT_EQ(Classify(Reason::kUriTooLong, 414, -1), Classification::kIgnored);
}

TEST(LabelsTest, FailuresHaveTheSeedsFiveKinds) {
  const Duration slow = milliseconds(5), fast = milliseconds(1);
  EXPECT_EQ(KindOfFailure(Reason::kAttemptTimeout, 504, fast, slow), FailureKind::kTimeout);
  EXPECT_EQ(KindOfFailure(Reason::kConnectFailed, 502, fast, slow), FailureKind::kConnection);
  EXPECT_EQ(KindOfFailure(Reason::kOk, 500, fast, slow), FailureKind::kError5xx);
  EXPECT_EQ(KindOfFailure(Reason::kOk, 404, fast, slow), FailureKind::kError4xx);
  EXPECT_EQ(KindOfFailure(Reason::kOk, 200, milliseconds(6), slow), FailureKind::kSlow);
  EXPECT_EQ(KindOfFailure(Reason::kOk, 200, milliseconds(6), Duration::zero()), FailureKind::kNone);
  EXPECT_EQ(KindOfFailure(Reason::kBreakerOpen, 503, fast, slow), FailureKind::kNone);
}

TEST(LabelsTest, EveryOutcomeOfAnAttemptHasItsName) {
  engine::AttemptResult result;
  result.outcome = engine::Outcome::kLocal;
  EXPECT_EQ(AttemptOutcomeName(AttemptOutcome(result)), "local");
  result.outcome = engine::Outcome::kConnectFailed;
  EXPECT_EQ(AttemptOutcomeName(AttemptOutcome(result)), "connect_failed");
}

// The offset makes 100.02 s on the monotonic clock 2026-11-23T04:30:00.020Z.
constexpr Duration kOffset = std::chrono::seconds(1795408200 - 100);

TEST(AccessLogTest, ALineOfTextTellsOneRequest) {
  Scene scene;
  std::string line;
  FormatText(scene.report, "r", Classification::kSuccess, kOffset, line);
  EXPECT_EQ(line,
            "2026-11-23T04:30:00.020Z outbound 200 ok \"GET\" \"cart\" \"/items\" took_ms=20.000 "
            "first_byte_ms=0.000 "
            "service=default/cart:80 route=r instance=cart-1 attempts=1 in=0 out=0 revision=0 class=success "
            "peer=0.0.0.0:0 id=\"r-1\"\n");
}

TEST(AccessLogTest, ALineOfJsonEscapesWhatTheClientChose) {
  Scene scene;
  scene.report.target = "/\"\\\n\xff";
  scene.report.reason = Reason::kClientClosed;
  scene.report.status = 0;
  scene.report.grpc_status = 4;
  std::string line;
  FormatJson(scene.report, "r", Classification::kIgnored, kOffset, line);
  EXPECT_EQ(
      line,
      "{\"time\":\"2026-11-23T04:30:00.020Z\",\"direction\":\"outbound\",\"status\":499,\"reason\":\"client_"
      "closed\","
      "\"method\":\"GET\",\"authority\":\"cart\",\"path\":\"/\\\"\\\\\\u000a\\u00ff\",\"took_ms\":20.000,"
      "\"first_byte_ms\":0.000,\"service\":\"default/"
      "cart:80\",\"route\":\"r\",\"instance\":\"cart-1\",\"attempts\":1,"
      "\"request_bytes\":0,\"response_bytes\":0,\"revision\":0,\"class\":\"ignored\",\"peer\":\"0.0.0.0:0\","
      "\"grpc_status\":4,\"request_id\":\"r-1\"}\n");
}

TEST(AccessLogTest, LinesAreWrittenByAnotherThreadOncePerFlush) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  const auto writer = std::make_shared<LogWriter>(pipe_ends[1], true, 1 << 20);
  Scene scene(std::make_unique<AccessLog>(writer, LogFormat::kText, kOffset));
  scene.reporter.Request(scene.report);
  scene.reporter.Request(scene.report);
  scene.reporter.Flush(kBegin);
  writer->Drain();
  std::array<char, 4096> read{};
  const ssize_t n = ::read(pipe_ends[0], read.data(), read.size());
  ASSERT_GT(n, 0);
  const std::string_view text(read.data(), static_cast<std::size_t>(n));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  ::close(pipe_ends[0]);
}

TEST(AccessLogTest, LinesThatFindNoRoomAreDroppedAndCounted) {
  const auto writer = std::make_shared<LogWriter>(-1, false, 100);
  Scene scene(std::make_unique<AccessLog>(writer, LogFormat::kText, kOffset));
  scene.reporter.Request(scene.report);
  scene.reporter.Flush(kBegin);
  EXPECT_TRUE(scene.Shows("weft_access_log_dropped_total 1")) << scene.registry.Text();
}

TEST(AccessLogTest, AFileThatCannotBeOpenedIsAnErrorThatNamesIt) {
  const auto writer = LogWriter::Open("/nonexistent/access.log");
  ASSERT_FALSE(writer);
  EXPECT_NE(writer.error().Text().find("/nonexistent/access.log"), std::string::npos);
}

TEST(ReporterTest, ServicePortsThatTheEngineForgotMakeRoomForOthers) {
  Scene scene;
  for (int i = 0; i < 10'000; ++i) {
    const BackendKey key{{"local", "default", "s" + std::to_string(i)}, 80};
    scene.reporter.Mirrored(key, MirrorResult::kAnswered);
    EXPECT_EQ(scene.reporter.Copy().size(), 1U);
    scene.reporter.Forgot(key, engine::Direction::kOutbound);
  }
  EXPECT_TRUE(scene.reporter.Copy().empty());
  scene.reporter.Request(scene.report);
  EXPECT_TRUE(scene.reporter.Copy().contains({scene.backend.key, engine::Direction::kOutbound}));
}

}  // namespace
}  // namespace weft::report
