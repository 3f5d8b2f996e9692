#include "controlplane/issues/detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "common/random/random.h"
#include "common/stats/histogram.h"

namespace weft::issues {
namespace {

constexpr TimePoint kStart = TimePoint(std::chrono::seconds(1000));
using Seconds = std::chrono::seconds;

struct Fault {
  std::string from, to;
  Code code{};
  double at = 0, until = 0;           // seconds after kStart
  double failing = 0, slower_ms = 0;  // share of requests; added to each
  Reason reason = Reason::kOk;        // of those failing; ok: 5xx of the service
};

// web -> {cart, search}, cart -> {stock, prices}: each edge with two agents that report every ten seconds, at
// other times each. Rates swing, latencies are lognormal with pauses, 0.3 % fail always. What fails below
// fails above too.
class Demo {
 public:
  explicit Demo(std::vector<Fault> faults) : faults_(std::move(faults)) {
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"web", "cart"}, {"web", "search"}, {"cart", "stock"}, {"cart", "prices"}})
      edges_.push_back({from, to});
  }

  // Until `seconds` after the start; what opened and closed by then.
  void Run(double seconds) {
    for (; now_ < seconds; now_ += 0.5) {
      for (std::size_t i = 0; i < edges_.size(); ++i) {
        for (int agent = 0; agent < 2; ++agent) {
          const double phase = std::fmod(now_ + 1.5 * static_cast<double>(i) + 4.5 * agent, 10);
          if (phase == 0) Report(edges_[i], agent);
        }
      }
      const TimePoint now =
          kStart + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(now_));
      for (Change& change : detector.Look(graph, nullptr, nullptr, now)) changes.push_back(std::move(change));
      graph.Expire(now);
    }
  }

  graph::Graph graph;
  Detector detector;
  std::vector<Change> changes;

 private:
  struct Link {
    std::string from, to;
  };
  double Uniform() { return rng_.Unit(Purpose::kTest); }
  double Normal() {
    return std::sqrt(-2 * std::log(1 - Uniform())) * std::cos(6.283185307179586 * Uniform());
  }
  // Of a request that began at `at`: whether it fails and how long it takes.
  std::pair<double, double> Of(const Link& link, double at, const Fault** named) {
    double failing = 0.003, slower = 0;
    for (const Fault& fault : faults_) {
      if (at < fault.at || at >= fault.until) continue;
      const bool here = fault.from == link.from && fault.to == link.to;
      const bool below = fault.from == link.to;
      if (here) *named = &fault;
      if (here || below) failing += fault.failing * (below ? 0.5 : 1);
      if (here || below) slower += fault.slower_ms;
    }
    return {failing, slower};
  }
  void Report(const Link& link, int agent) {
    v1::AgentReport report;
    report.set_interval_ns(10'000'000'000);
    v1::Edge& edge = *report.add_edges();
    edge.mutable_service()->set_namespace_("default");
    edge.mutable_service()->set_name(link.to);
    const double rate = 20 * (1 + 0.5 * std::sin(now_ / 600)) * (0.8 + 0.4 * Uniform());
    const auto requests = static_cast<int>(rate * 10);
    std::map<std::uint32_t, std::uint64_t> buckets;
    std::map<Reason, std::uint64_t> reasons;
    std::uint64_t failures = 0;
    const double pause_at = Uniform() * 200;  // in one report of twenty, half a second of 40 ms more
    for (int i = 0; i < requests; ++i) {
      const double at = now_ - 10 + 10.0 * i / requests;
      const Fault* named = nullptr;
      const auto [failing, slower] = Of(link, at, &named);
      double ms = std::exp(1 + 0.5 * Normal()) + slower;
      if (std::abs(at - (now_ - 10) - pause_at) < 0.25) ms += 40;
      ++buckets[stats::Histogram::IndexOf(static_cast<std::uint32_t>(ms * 1000))];
      if (Uniform() >= failing) continue;
      ++failures;
      if (named != nullptr && named->reason != Reason::kOk) ++reasons[named->reason];
    }
    edge.set_requests(static_cast<std::uint64_t>(requests));
    edge.set_failures(failures);
    for (const auto& [reason, count] : reasons) {
      v1::Count& said = *edge.add_reasons();
      said.set_name(std::string(ToString(reason)));
      said.set_value(count);
    }
    for (const auto& [index, count] : buckets) {
      edge.mutable_latency()->add_index(index);
      edge.mutable_latency()->add_count(count);
    }
    const TimePoint now = kStart + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(now_));
    graph.Add(link.from + std::to_string(agent), {"default", link.from, false}, report, now);
  }

  std::vector<Fault> faults_;
  std::vector<Link> edges_;
  Rng rng_{7, 7, 7};
  double now_ = 0;
};

double SecondsAfterStart(TimePoint at) { return std::chrono::duration<double>(at - kStart).count(); }

TEST(DetectorTest, AQuietHourHasNoIssue) {
  Demo demo({});
  demo.Run(3600);
  for (const Change& change : demo.changes)
    ADD_FAILURE() << change.issue.finding.subject.Text() << ": " << change.issue.finding.evidence;
  EXPECT_EQ(demo.graph.edges().size(), 4U);
}

TEST(DetectorTest, EveryFaultOfAScheduleIsAnIssueOfItsEdgeWithin15Seconds) {
  const std::vector<Fault> schedule = {
      {"cart", "stock", Code::kHighErrorRate, 301, 361, 0.3, 0, Reason::kOk},
      {"web", "search", Code::kHighErrorRate, 423, 483, 1, 0, Reason::kConnectFailed},
      {"cart", "prices", Code::kHighLatency, 544, 604, 0, 200, Reason::kOk},
      {"web", "cart", Code::kHighErrorRate, 665, 725, 0.15, 0, Reason::kUpstreamReset},
      {"cart", "stock", Code::kPoolExhausted, 786, 846, 0.1, 0, Reason::kPendingOverflow},
      {"web", "search", Code::kHighLatency, 907, 967, 0, 30, Reason::kOk},
      {"cart", "prices", Code::kSaturation, 1028, 1088, 0.2, 0, Reason::kConcurrency},
      {"web", "search", Code::kHighErrorRate, 1149, 1209, 0.5, 0, Reason::kAttemptTimeout},
  };
  Demo demo(schedule);
  for (const Fault& fault : schedule) {
    demo.Run(fault.at + 15);
    const Subject edge = Subject::Edge({{"default", fault.from, false}, {"local", "default", fault.to}});
    const Issue* issue = demo.detector.tracker().Open(fault.code, edge);
    ASSERT_NE(issue, nullptr) << AboutOf(fault.code).name << " of " << edge.Text() << " at " << fault.at;
    EXPECT_GE(SecondsAfterStart(issue->since), fault.at);
    EXPECT_FALSE(issue->finding.suggestion.empty());
    EXPECT_EQ(demo.detector.CauseOf(*issue, demo.graph), nullptr) << "it is the cause itself";
    if (fault.reason != Reason::kOk) {
      EXPECT_NE(issue->finding.evidence.find(ToString(fault.reason)), std::string::npos)
          << issue->finding.evidence;
    }
    for (const Issue& other : demo.detector.tracker().All()) {
      if (other.finding.subject == edge) continue;
      EXPECT_EQ(other.finding.subject.Text(), "web -> cart") << "only who calls the faulty edge's caller";
      const Issue* cause = demo.detector.CauseOf(other, demo.graph);
      ASSERT_NE(cause, nullptr);
      EXPECT_EQ(cause->finding.subject, edge);
    }
    demo.Run(fault.until + 55);
    EXPECT_TRUE(demo.detector.tracker().All().empty()) << "over 55 s after its end";
  }
}

TEST(DetectorTest, AFewFailuresOfFewRequestsAreNoIssue) {
  graph::Graph graph;
  Detector detector;
  v1::AgentReport report;
  report.set_interval_ns(10'000'000'000);
  v1::Edge& edge = *report.add_edges();
  edge.mutable_service()->set_namespace_("default");
  edge.mutable_service()->set_name("cart");
  edge.set_requests(10);
  edge.set_failures(4);
  graph.Add("w", {"default", "web", false}, report, kStart);
  EXPECT_TRUE(detector.Look(graph, nullptr, nullptr, kStart).empty());
  edge.set_failures(6);
  graph.Add("w", {"default", "web", false}, report, kStart + Seconds(20));
  EXPECT_EQ(detector.Look(graph, nullptr, nullptr, kStart + Seconds(20)).size(), 1U);
}

TEST(DetectorTest, AnOpenCircuitIsAnIssueUntilItClosesOrItsAgentLeaves) {
  graph::Graph graph;
  Detector detector;
  v1::AgentReport report;
  v1::BreakerStat& breaker = *report.add_breakers();
  breaker.mutable_service()->set_namespace_("default");
  breaker.mutable_service()->set_name("cart");
  breaker.set_state("open");
  graph.Add("w", {"default", "web", false}, report, kStart);
  const auto changes = detector.Look(graph, nullptr, nullptr, kStart);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].issue.finding.subject.Text(), "web -> cart");
  EXPECT_EQ(changes[0].issue.finding.code, Code::kCircuitOpen);
  graph.ForgetAgent("w");
  EXPECT_TRUE(detector.Look(graph, nullptr, nullptr, kStart + Seconds(5)).empty());
  const auto closed = detector.Look(graph, nullptr, nullptr, kStart + Seconds(21));
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_FALSE(closed[0].opened);
}

TEST(DetectorTest, AServiceWithoutHealthyInstancesAndAFlappingOneAreIssues) {
  graph::Graph graph;
  Detector detector;
  const std::vector<ServiceLook> looks = {{{"local", "shop", "cart"}, 2, 0, {}, 0},
                                          {{"local", "shop", "idle"}, 0, 0, {}, 0},
                                          {{"local", "shop", "stock"}, 3, 2, "stock-1", 7}};
  const auto changes = detector.Look(graph, &looks, nullptr, kStart);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].issue.finding.subject.Text(), "shop/cart");
  EXPECT_EQ(changes[0].issue.finding.evidence, "none of 2 instances is healthy");
  EXPECT_EQ(changes[1].issue.finding.code, Code::kFlapping);
  EXPECT_NE(changes[1].issue.finding.evidence.find("stock-1"), std::string::npos);
}

TEST(DetectorTest, ARefusalIsStaleConfigAtOnceAndLatenessAfterTenSeconds) {
  graph::Graph graph;
  Detector detector;
  std::vector<AgentLook> agents = {{"default", "web-1", 7, 6, false, {}},
                                   {"default", "cart-1", 7, 6, false, "default/cart: ports[0].port"}};
  const auto first = detector.Look(graph, nullptr, &agents, kStart);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].issue.finding.subject.name, "cart-1");
  EXPECT_EQ(detector.Look(graph, nullptr, &agents, kStart + Seconds(5)).size(), 0U);
  const auto second = detector.Look(graph, nullptr, &agents, kStart + Seconds(10));
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].issue.finding.subject.name, "web-1");
  EXPECT_EQ(second[0].issue.since, kStart);
}

TEST(DetectorTest, ACertificateThatWasNotRenewedIsAnIssueOfWhoShowsIt) {
  graph::Graph graph;
  Detector detector;
  detector.Certificates({{"shop", "cart-1", std::chrono::minutes(190)}, {"", "identity", -Seconds(1)}},
                        kStart);
  const auto changes = detector.Look(graph, nullptr, nullptr, kStart);
  ASSERT_EQ(changes.size(), 2U);
  std::map<std::string, std::string> told;
  for (const Change& change : changes) {
    const Finding& finding = change.issue.finding;
    EXPECT_EQ(finding.code, Code::kCertificateExpiry);
    told[std::string(finding.subject.KindText()) + " " + finding.subject.Text()] = finding.evidence;
  }
  EXPECT_EQ(told["Agent shop/cart-1"], "its certificate ends in 3 h and was not renewed");
  EXPECT_EQ(told["ControlPlane identity"], "the certificate with which it issues others has ended");
  EXPECT_EQ(detector.Look(graph, nullptr, nullptr, kStart + Seconds(21)).size(), 2U) << "renewed: both close";
}

TEST(DetectorTest, ASourceThatIsAwayForFiveSecondsIsAnIssueUntilItIsBack) {
  graph::Graph graph;
  Detector detector;
  std::vector<SourceLook> lost = {{"consul", "connection refused", 3, 9}};
  EXPECT_TRUE(detector.Look(graph, nullptr, nullptr, kStart, &lost).empty());
  const auto opened = detector.Look(graph, nullptr, nullptr, kStart + Seconds(5), &lost);
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_EQ(opened[0].issue.finding.subject.Text(), "consul");
  EXPECT_NE(opened[0].issue.finding.evidence.find("9 instance(s)"), std::string::npos);
  lost.clear();
  const auto closed = detector.Look(graph, nullptr, nullptr, kStart + Seconds(30), &lost);
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_FALSE(closed[0].opened);
}

TEST(TrackerTest, TheNumberOfIssuesIsBounded) {
  Tracker tracker;
  for (std::size_t i = 0; i < kMaxIssues + 5; ++i)
    tracker.Raise({Code::kFlapping, Subject::Agent("default", std::to_string(i)), {}, {}, {}}, kStart);
  EXPECT_EQ(tracker.Settle(kStart).size(), kMaxIssues);
  EXPECT_EQ(tracker.overflows(), 5U);
  EXPECT_EQ(tracker.Settle(kStart + kQuiet + Seconds(1)).size(), kMaxIssues);
  EXPECT_TRUE(tracker.All().empty());
}

}  // namespace
}  // namespace weft::issues
