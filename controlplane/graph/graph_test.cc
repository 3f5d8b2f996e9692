#include "controlplane/graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "common/random/random.h"
#include "common/stats/histogram.h"

namespace weft::graph {
namespace {

constexpr TimePoint kStart = TimePoint(std::chrono::seconds(1000));
const Caller kWeb{"default", "web", false};
using Seconds = std::chrono::seconds;

v1::AgentReport Report(const std::string& to, std::uint64_t requests, std::uint32_t micros = 1000) {
  v1::AgentReport report;
  report.set_interval_ns(10'000'000'000);
  v1::Edge& edge = *report.add_edges();
  edge.mutable_service()->set_namespace_("default");
  edge.mutable_service()->set_name(to);
  edge.set_requests(requests);
  edge.mutable_latency()->add_index(stats::Histogram::IndexOf(micros));
  edge.mutable_latency()->add_count(requests);
  return report;
}

const Edge& Only(const Graph& graph) { return graph.edges().begin()->second; }

TEST(SparseTest, PercentilesOfMergedHistogramsAreWithinTwoPercentOfExactOnes) {
  Rng rng(1, 2, 3);
  const auto uniform = [&] { return rng.Unit(Purpose::kTest); };
  std::vector<std::uint32_t> all;
  Sparse merged;
  for (int agent = 0; agent < 20; ++agent) {
    Sparse one;
    for (int i = 0; i < 2000; ++i) {
      const double micros = 100 * (agent + 1) * std::pow(1 / (1 - uniform()), 0.7);  // a heavy tail
      const auto value = static_cast<std::uint32_t>(std::min(micros, 60e6));
      all.push_back(value);
      ASSERT_TRUE(one.Add(stats::Histogram::IndexOf(value), 1));
    }
    merged.Merge(one);
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(merged.total(), all.size());
  for (const double percent : {1.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(all.size())));
    const double exact = all[rank - 1];
    EXPECT_NEAR(merged.Percentile(percent), exact, 0.02 * exact) << percent;
  }
}

TEST(SparseTest, MergingIsTheSameInAnyOrderAsOneHistogram) {
  Rng rng(5, 5, 5);
  Sparse left, right;
  stats::Histogram whole;
  for (int i = 0; i < 1000; ++i) {
    const auto value = static_cast<std::uint32_t>(rng.Next(Purpose::kTest) % 1'000'000);
    (i % 3 == 0 ? left : right).Add(stats::Histogram::IndexOf(value), 1);
    whole.Add(value);
  }
  Sparse other = right;
  other.Merge(left);
  left.Merge(right);
  for (const double percent : {0.0, 10.0, 50.0, 99.0}) {
    EXPECT_EQ(left.Percentile(percent), whole.Percentile(percent));
    EXPECT_EQ(other.Percentile(percent), whole.Percentile(percent));
  }
  EXPECT_EQ(left.total(), whole.total());
}

TEST(SparseTest, WhatIsAboveAValueAndBucketsThatDoNotExist) {
  Sparse sparse;
  EXPECT_FALSE(sparse.Add(704, 1));
  sparse.Add(10, 3);
  sparse.Add(20, 4);
  sparse.Add(703, UINT64_MAX);
  EXPECT_EQ(sparse.Above(10), 4ULL + UINT32_MAX);
  EXPECT_EQ(sparse.total(), 7ULL + UINT32_MAX);
}

TEST(GraphTest, RatesAreThoseThatWereSent) {
  Graph graph;
  for (int i = 1; i <= 12; ++i) graph.Add("web-1", kWeb, Report("cart", 250), kStart + Seconds(10 * i));
  const TimePoint now = kStart + Seconds(123);
  EXPECT_NEAR(Only(graph).window.Recent(now).PerSecond(now), 25, 0.1);
  const TimePoint later = kStart + Seconds(150);
  EXPECT_LT(Only(graph).window.Recent(later).PerSecond(later), 20) << "reports stay away";
  EXPECT_EQ(Only(graph).window.Recent(kStart + Seconds(200)).requests, 0U);
}

TEST(GraphTest, PortsRulesAndAgentsOfAServiceAreOneEdge) {
  Graph graph;
  v1::AgentReport report = Report("cart", 10);
  *report.add_edges() = report.edges(0);
  report.mutable_edges(1)->set_route("other");
  report.mutable_edges(1)->set_port(81);
  graph.Add("web-1", kWeb, report, kStart);
  graph.Add("web-2", kWeb, report, kStart);
  ASSERT_EQ(graph.edges().size(), 1U);
  EXPECT_EQ(Only(graph).window.Recent(kStart).requests, 40U);
  EXPECT_EQ(Only(graph).window.Recent(kStart).latency.total(), 40U);
}

TEST(GraphTest, WhatTheCalledSideCountsIsTheEdgeOfTheNamelessCaller) {
  Graph graph;
  v1::AgentReport report = Report("cart", 10);
  report.mutable_edges(0)->set_inbound(true);
  graph.Add("cart-1", {"default", "cart", false}, report, kStart);
  ASSERT_EQ(graph.edges().size(), 1U);
  EXPECT_TRUE(graph.edges().begin()->first.inbound());
}

TEST(GraphTest, EdgesAreBoundedAndIdleOnesForgotten) {
  Graph graph;
  for (std::size_t i = 0; i < kMaxEdges + 7; ++i)
    graph.Add("w", kWeb, Report("s" + std::to_string(i), 1), kStart);
  graph.Add("w", kWeb, Report("No Such Name", 1), kStart);
  EXPECT_EQ(graph.edges().size(), kMaxEdges);
  EXPECT_EQ(graph.overflows(), 7U);
  graph.Add("w", kWeb, Report("s1", 1), kStart + kIdle);
  graph.Expire(kStart + kIdle + Seconds(1));
  EXPECT_EQ(graph.edges().size(), 1U);
}

TEST(GraphTest, AnAgentWithoutAServiceCallsUnderItsOwnName) {
  EXPECT_EQ(CallerOf("cart-1", "shop", "cart"), (Caller{"shop", "cart", false}));
  EXPECT_EQ(CallerOf("laptop", "", ""), (Caller{"default", "laptop", true}));
  EXPECT_EQ(CallerOf("x", "Not A Name", "NOR THIS"), (Caller{"default", "x", true}));
}

TEST(WindowTest, TheBaselineIsLearntFromHealthyTimesAndFollowsSlowly) {
  Graph graph;
  Window window;
  TimePoint now = kStart;
  const auto run = [&](int seconds, std::uint32_t micros, bool healthy) {
    for (int i = 0; i < seconds / 10; ++i) {
      now += Seconds(10);
      window.Add(Report("cart", 100, micros).edges(0), now, Seconds(10));
      window.Turn(now, healthy);
    }
  };
  run(60, 1000, true);
  EXPECT_EQ(window.Baseline(), nullptr) << "half a minute was learnt";
  run(60, 1000, true);
  ASSERT_NE(window.Baseline(), nullptr);
  EXPECT_NEAR(window.Baseline()->Percentile(95), 1000, 20);
  run(120, 9000, false);
  EXPECT_NEAR(window.Baseline()->Percentile(99), 1000, 20) << "not from bad times";
  run(900, 2000, true);
  EXPECT_NEAR(window.Baseline()->Percentile(50), 2000, 40) << "what was ten minutes ago is gone";
}

}  // namespace
}  // namespace weft::graph
