#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "controlplane/telemetry/collector.h"

namespace weft::telemetry {
namespace {

using nlohmann::json;
constexpr TimePoint kStart = TimePoint(std::chrono::seconds(100));

ServiceKey Key(std::string name) { return {"local", "default", std::move(name)}; }

void SetService(v1::ServiceKey* key, const std::string& name) {
  key->set_namespace_("default");
  key->set_name(name);
}

EndpointLists Lists(const std::string& name, const std::string& id) {
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = Key(name);
  endpoints->instances.resize(1);
  endpoints->instances[0].id = id;
  endpoints->instances[0].weight = 10;
  endpoints->instances[0].capabilities.meshed = true;
  endpoints->instances[0].address = {net::Ip::V4(10, 0, 0, 1), 8001};
  return {{Key(name), endpoints}};
}

// 150 requests, 5 failed, all of 250 ms, as one agent reports them.
v1::AgentReport SeedReport() {
  v1::AgentReport report;
  v1::Edge& edge = *report.add_edges();
  SetService(edge.mutable_service(), "code-generator");
  edge.set_requests(150);
  edge.set_failures(5);
  edge.mutable_latency()->add_index(stats::Histogram::IndexOf(250'000));
  edge.mutable_latency()->add_count(150);
  edge.mutable_latency()->set_sum_ns(150ULL * 250'500'000);
  v1::BreakerStat& breaker = *report.add_breakers();
  SetService(breaker.mutable_service(), "code-generator");
  breaker.set_port(80);
  breaker.set_state("closed");
  breaker.set_requests(150);
  breaker.set_failures(5);
  breaker.set_threshold(10);
  breaker.mutable_failure_counts()->set_timeout(2);
  breaker.mutable_failure_counts()->set_error_5xx(1);
  breaker.mutable_failure_counts()->set_connection_error(2);
  v1::PoolStat& pool = *report.add_pools();
  SetService(pool.mutable_service(), "code-generator");
  pool.set_requests(150);
  pool.set_failures(5);
  pool.set_last_used_unix_ms(1705312200123);
  pool.set_created_unix_ms(1705310000456);
  v1::InstanceStat& instance = *report.add_instances();
  SetService(instance.mutable_service(), "code-generator");
  instance.set_instance("code-generator-primary");
  instance.set_state("healthy");
  instance.set_requests(145);
  instance.set_latency_ns(250'500'000);
  instance.set_last_check_unix_ms(1705312200123);
  instance.set_weight(10);
  return report;
}

TEST(HealthStatsTest, TheDocumentIsTheSeedsToTheLetter) {
  Aggregate aggregate;
  aggregate.Add("a", SeedReport(), kStart);
  const std::string text = HealthStats(aggregate, Lists("code-generator", "code-generator-primary"),
                                       "req-123456", {kStart, 1705314600000});
  std::ifstream file("tests/golden/health_stats.json");
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(nlohmann::ordered_json::parse(text).dump(2) + "\n", golden.str());
}

TEST(HealthStatsTest, AServiceWithoutInstancesIsUnhealthyAndAnOpenCircuitToo) {
  Aggregate aggregate;
  v1::AgentReport report = SeedReport();
  report.mutable_breakers(0)->set_state("open");
  aggregate.Add("a", report, kStart);
  EndpointLists lists = Lists("code-generator", "code-generator-primary");
  lists[Key("empty")] = std::make_shared<snapshot::Endpoints>();
  json health = json::parse(HealthStats(aggregate, lists, "", {kStart, 0}))["statistics"]["service_health"];
  EXPECT_EQ(health["code-generator"], "unhealthy");
  EXPECT_EQ(health["empty"], "unhealthy");
  aggregate.Forget("a");
  health = json::parse(HealthStats(aggregate, lists, "", {kStart, 0}))["statistics"]["service_health"];
  EXPECT_EQ(health["code-generator"], "healthy") << "who left has no say";
}

TEST(ServiceStatsTest, RatesAndPercentilesAreOfTheLastMinute) {
  Aggregate aggregate;
  aggregate.Add("a", SeedReport(), kStart);
  const EndpointLists lists = Lists("code-generator", "code-generator-primary");
  json item = json::parse(ServiceStats(aggregate, lists, kStart + std::chrono::seconds(10)))["items"][0];
  EXPECT_EQ(item["rps"], 15.0);
  EXPECT_EQ(item["successRate"], 0.9667);
  EXPECT_NEAR(item["p99Ms"].get<double>(), 250, 4);
  EXPECT_EQ(item["meshed"], 1);
  item = json::parse(ServiceStats(aggregate, lists, kStart + std::chrono::seconds(90)))["items"][0];
  EXPECT_EQ(item["rps"], 0.0);
}

TEST(AggregateTest, HistogramsOfTwoAgentsMergeExactly) {
  Aggregate aggregate;
  v1::AgentReport slow = SeedReport();
  slow.mutable_edges(0)->mutable_latency()->set_index(0, stats::Histogram::IndexOf(1'000'000));
  aggregate.Add("a", SeedReport(), kStart);
  aggregate.Add("b", slow, kStart);
  const Traffic& total = aggregate.services().at(Key("code-generator")).outbound.total;
  EXPECT_EQ(total.latency.total(), 300U);
  EXPECT_NEAR(total.latency.Percentile(50), 250'000, 4000);
  EXPECT_NEAR(total.latency.Percentile(51), 1'000'000, 16'000);
}

TEST(AggregateTest, NamesAndBucketsOutOfBoundsAreDropped) {
  Aggregate aggregate;
  v1::AgentReport report = SeedReport();
  report.mutable_edges(0)->mutable_service()->set_name("No Such Name");
  report.mutable_breakers(0)->mutable_service()->set_name("");
  v1::Edge& edge = *report.add_edges();
  SetService(edge.mutable_service(), "cart");
  edge.mutable_latency()->add_index(70'000);
  edge.mutable_latency()->add_count(3);
  edge.mutable_latency()->add_index(7);
  aggregate.Add("a", report, kStart);
  EXPECT_EQ(aggregate.dropped(), 2U);
  EXPECT_EQ(aggregate.services().at(Key("cart")).outbound.total.latency.total(), 0U);
}

TEST(AggregateTest, TheNumberOfServicesIsBounded) {
  Aggregate aggregate;
  v1::AgentReport report;
  for (std::size_t i = 0; i < kMaxServices + 10; ++i)
    SetService(report.add_pools()->mutable_service(), "s" + std::to_string(i));
  aggregate.Add("a", report, kStart);
  EXPECT_EQ(aggregate.services().size(), kMaxServices);
  EXPECT_EQ(aggregate.dropped(), 10U);
}

// Answers an explain at once, with the records it was made with; without any: never.
struct FakeChannel : Channel {
  void Write(const v1::ReportCommand& command) override {
    if (command.has_settings()) interval_ns = command.settings().interval_ns();
    if (!command.has_explain() || records.empty()) return;
    v1::ReportMessage answer;
    answer.mutable_explain()->set_id(command.explain().id());
    for (const std::string& record : records) answer.mutable_explain()->add_records(record);
    EXPECT_TRUE(collector->OnMessage(ticket, answer));
  }
  Collector* collector = nullptr;
  std::uint64_t ticket = 0;
  std::int64_t interval_ns = 0;
  std::vector<std::string> records;
};

std::shared_ptr<FakeChannel> Connect(Collector& collector, const std::string& node,
                                     std::vector<std::string> records) {
  auto channel = std::make_shared<FakeChannel>();
  channel->collector = &collector;
  channel->records = std::move(records);
  v1::ReportHello hello;
  hello.set_node_id(node);
  channel->ticket = *collector.Open(hello, channel);
  return channel;
}

TEST(CollectorTest, ExplainJoinsTheRecordsOfAllAgents) {
  Collector collector([] { return EndpointLists(); });
  const auto web = Connect(collector, "web-1", {"{\"requestId\":\"r\"}"});
  const auto cart = Connect(collector, "cart-1", {"{\"requestId\":\"r\"}", "{\"requestId\":\"r\"}"});
  EXPECT_EQ(web->interval_ns, 10'000'000'000);
  const v1::ExplainResult result = collector.Explain("r", std::chrono::hours(1));
  EXPECT_EQ(result.asked(), 2U);
  EXPECT_EQ(result.answered(), 2U);
  EXPECT_EQ(result.records_size(), 3);
}

TEST(CollectorTest, AnAgentThatDoesNotAnswerIsNotWaitedForForever) {
  Collector collector([] { return EndpointLists(); });
  const auto silent = Connect(collector, "silent", {});
  const v1::ExplainResult result = collector.Explain("r", std::chrono::nanoseconds(0));
  EXPECT_EQ(result.asked(), 1U);
  EXPECT_EQ(result.answered(), 0U);
  EXPECT_EQ(collector.Explain("r", std::chrono::nanoseconds(0)).records_size(), 0);
}

TEST(HealthStatsTest, AnInstanceThatIsEjectedNowAndThenFlaps) {
  InstanceView view;
  TimePoint now = kStart;
  const auto say = [&](const char* node, const char* state) {
    view.state = state;
    view.Say(node, now += std::chrono::seconds(10));
  };
  for (int i = 0; i < 3; ++i) {
    say("a", "ejected");
    say("b", "unhealthy");
    say("a", "healthy");
    EXPECT_EQ(view.Flips(now), 1U + 2 * static_cast<std::size_t>(i)) << "b still says so";
    say("b", "healthy");
  }
  EXPECT_EQ(view.Flips(now), 6U);
  EXPECT_EQ(view.Flips(now + kFlappingWithin), 0U);
}

// 100 requests in ten seconds, half of them failed.
void SendHalfFailed(Collector& collector, const std::shared_ptr<FakeChannel>& from, const char* to) {
  v1::ReportMessage message;
  message.mutable_report()->set_interval_ns(10'000'000'000);
  v1::Edge& edge = *message.mutable_report()->add_edges();
  SetService(edge.mutable_service(), to);
  edge.set_requests(100);
  edge.set_failures(50);
  ASSERT_TRUE(collector.OnMessage(from->ticket, message));
}

TEST(CollectorTest, AnEdgeIsOfTheServiceOfTheAgentAndItsIssueIsToldOnceByAnEvent) {
  TimePoint now = kStart;
  Collector collector([] { return Lists("cart", "cart-1"); }, kReportInterval, [&] { return now; });
  events::Book events;
  auto channel = std::make_shared<FakeChannel>();
  v1::ReportHello hello;
  hello.set_node_id("web-1");
  hello.set_namespace_("shop");
  hello.set_service("web");
  channel->ticket = *collector.Open(hello, channel);
  SendHalfFailed(collector, channel, "cart");
  const auto none = [] { return Collector::Looks(); };
  collector.Watch(none, events);
  collector.Watch(none, events);
  const v1::GetGraphResponse graph = collector.Graph("shop");
  ASSERT_EQ(graph.edges_size(), 1);
  EXPECT_EQ(graph.edges(0).from().name(), "web");
  EXPECT_EQ(graph.edges(0).flow().rps(), 10);
  EXPECT_EQ(graph.edges(0).flow().success_rate(), 0.5);
  EXPECT_EQ(graph.edges(0).issues(0), "HighErrorRate");
  EXPECT_EQ(collector.Graph("other").edges_size(), 0);
  const v1::ListIssuesResponse issues = collector.Issues("");
  ASSERT_EQ(issues.issues_size(), 1);
  EXPECT_EQ(issues.issues(0).subject(), "shop/web -> cart");
  now += std::chrono::seconds(40);
  collector.Watch(none, events);
  EXPECT_EQ(collector.Issues("").issues_size(), 0);
  const auto told = events.After(0);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].reason, "IssueOpened");
  EXPECT_EQ(told[0].object.name, "shop/web -> cart");
  EXPECT_EQ(told[1].reason, "IssueClosed");
}

TEST(CollectorTest, CircuitsAndInstancesThatChangeAreEventsThatCountTheAgents) {
  Collector collector([] { return Lists("cart", "cart-1"); });
  events::Book events;
  collector.TellTo(&events);
  const auto report = [&](const std::string& node, const char* circuit, const char* instance) {
    v1::ReportHello hello;
    hello.set_node_id(node);
    v1::ReportMessage message;
    v1::BreakerStat& breaker = *message.mutable_report()->add_breakers();
    SetService(breaker.mutable_service(), "cart");
    breaker.set_port(80);
    breaker.set_state(circuit);
    v1::InstanceStat& stat = *message.mutable_report()->add_instances();
    SetService(stat.mutable_service(), "cart");
    stat.set_instance("cart-1");
    stat.set_state(instance);
    stat.set_cause(instance == std::string("ejected") ? "consecutive" : "");
    const auto ticket = collector.Open(hello, std::make_shared<FakeChannel>());
    ASSERT_TRUE(collector.OnMessage(*ticket, message));
  };
  report("a", "closed", "healthy");
  EXPECT_EQ(events.last(), 0U) << "nothing has changed";
  report("a", "open", "ejected");
  report("b", "open", "ejected");
  report("a", "half_open", "probing");
  report("a", "closed", "healthy");
  const auto told = events.After(0);
  ASSERT_EQ(told.size(), 4U);
  std::map<std::string, std::pair<std::string, std::uint64_t>> by_reason;
  for (const events::Event& event : told) by_reason[std::string(event.reason)] = {event.message, event.count};
  EXPECT_EQ(by_reason["CircuitOpened"].second, 2U);
  EXPECT_EQ(by_reason["InstanceLeftOut"],
            (std::pair<std::string, std::uint64_t>{"instance cart-1 is ejected: consecutive", 2}));
  EXPECT_EQ(by_reason["CircuitClosed"].second, 1U);
  EXPECT_EQ(by_reason["InstanceBack"].first, "instance cart-1 is probing");
}

TEST(CollectorTest, AnAgentGetsItsShareOfALimitOfItsOwnServiceOnly) {
  class Kept final : public Channel {
   public:
    void Write(const v1::ReportCommand& command) override { last = command; }
    v1::ReportCommand last;
  };
  TimePoint now = kStart;
  Collector collector([] { return Lists("cart", "cart-1"); }, kReportInterval, [&] { return now; });
  const auto ask = [&](const char* node, const char* service, double wanted) {
    auto channel = std::make_shared<Kept>();
    v1::ReportHello hello;
    hello.set_node_id(node);
    hello.set_namespace_("default");
    hello.set_service(service);
    v1::ReportMessage message;
    v1::QuotaDemand& demand = *message.mutable_quota()->add_demands();
    demand.set_port(80);
    demand.set_limit("all");
    demand.set_cap(100);
    demand.set_wanted(wanted);
    const auto ticket = collector.Open(hello, channel);
    EXPECT_TRUE(collector.OnMessage(*ticket, message));
    return channel->last.quota();
  };
  ASSERT_EQ(ask("a", "cart", 80).grants_size(), 1);
  EXPECT_NEAR(ask("b", "cart", 80).grants(0).rate(), 2, 1e-9) << "the rest is lent to a";
  EXPECT_NEAR(ask("c", "other", 80).grants(0).rate(), 98, 1e-9) << "a limit of that name of another service";
  EXPECT_EQ(ask("d", "", 80).grants_size(), 0) << "a client serves nobody";
  EXPECT_EQ(ask("e", "cart", std::numeric_limits<double>::quiet_NaN()).grants_size(), 0);
  EXPECT_EQ(ask("a", "cart", 80).grants(0).agents(), 2U);
}

TEST(CollectorTest, EjectionsAloneLeaveAServiceItsInstancesButFailedChecksDoNot) {
  events::Book events;
  for (const char* state : {"ejected", "unhealthy"}) {
    v1::ReportMessage message;
    v1::InstanceStat& instance = *message.mutable_report()->add_instances();
    SetService(instance.mutable_service(), "cart");
    instance.set_instance("cart-1");
    instance.set_state(state);
    Collector fresh([] { return Lists("cart", "cart-1"); }, kReportInterval, [] { return kStart; });
    const auto other = Connect(fresh, "web-1", {});
    ASSERT_TRUE(fresh.OnMessage(other->ticket, message));
    fresh.Watch([] { return Collector::Looks(); }, events);
    EXPECT_EQ(fresh.Issues("").issues_size(), std::string_view(state) == "unhealthy" ? 1 : 0) << state;
  }
}

}  // namespace
}  // namespace weft::telemetry
