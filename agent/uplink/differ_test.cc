#include "agent/uplink/differ.h"

#include <gtest/gtest.h>

namespace weft::uplink {
namespace {

const report::EdgeKey kCart{{{"local", "default", "cart"}, 80}, engine::Direction::kOutbound};

TimePoint At(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }
Moment MomentAt(int seconds) { return {At(seconds), std::chrono::seconds(1'000'000)}; }

void Count(report::AgentStatus& status, const report::EdgeKey& key, std::uint64_t requests,
           std::uint64_t failures) {
  report::BackendTotals& totals = status.totals[key];
  report::EdgeTotals& edge = totals.edges["default"];
  edge.requests += requests;
  edge.failures += failures;
  edge.reasons[static_cast<std::size_t>(Reason::kConnectFailed)] += failures;
  edge.statuses[2] += requests - failures;
  edge.statuses[5] += failures;
  for (std::uint64_t i = 0; i < requests; ++i) edge.latency.Add(1000);
  totals.lent += requests;
  totals.instances["c1"].requests += requests;
  report::BackendStatus& backend = status.backends[key];
  backend.instances["c1"].address = "10.0.0.1:80";
  backend.circuit.threshold = 10;
}

TEST(DifferTest, AReportHoldsWhatChangedSinceTheLastOneOnly) {
  Differ differ(At(90));
  report::AgentStatus status;
  Count(status, kCart, 10, 2);
  const v1::AgentReport first = differ.Next(status, MomentAt(100));
  ASSERT_EQ(first.edges_size(), 1);
  EXPECT_EQ(first.edges(0).service().name(), "cart");
  EXPECT_EQ(first.edges(0).requests(), 10U);
  EXPECT_EQ(first.edges(0).failures(), 2U);
  ASSERT_EQ(first.edges(0).reasons_size(), 1);
  EXPECT_EQ(first.edges(0).reasons(0).name(), "connect_failed");
  EXPECT_EQ(first.edges(0).statuses_size(), 2);
  ASSERT_EQ(first.edges(0).latency().count_size(), 1);
  EXPECT_EQ(first.edges(0).latency().count(0), 10U);
  EXPECT_EQ(first.breakers_size(), 1);
  EXPECT_EQ(first.pools_size(), 1);
  ASSERT_EQ(first.instances_size(), 1);
  EXPECT_EQ(first.instances(0).address(), "10.0.0.1:80");
  EXPECT_EQ(first.interval_ns(), 10'000'000'000);
  EXPECT_EQ(first.at_unix_ms(), 1'000'100'000);

  const v1::AgentReport nothing = differ.Next(status, MomentAt(110));
  EXPECT_EQ(nothing.edges_size() + nothing.breakers_size() + nothing.pools_size() + nothing.instances_size(),
            0);

  Count(status, kCart, 3, 0);
  const v1::AgentReport second = differ.Next(status, MomentAt(120));
  ASSERT_EQ(second.edges_size(), 1);
  EXPECT_EQ(second.edges(0).requests(), 3U);
  EXPECT_EQ(second.edges(0).failures(), 0U);
  EXPECT_EQ(second.edges(0).latency().count(0), 3U);
  EXPECT_EQ(second.pools(0).requests(), 3U);
}

TEST(DifferTest, AStateThatChangesWithoutTrafficIsReported) {
  Differ differ(At(90));
  report::AgentStatus status;
  Count(status, kCart, 1, 0);
  differ.Next(status, MomentAt(100));
  status.backends[kCart].instances["c1"].state = engine::InstanceState::kEjected;
  status.backends[kCart].circuit.state = "open";
  status.backends[kCart].circuit.to_open = 1;
  const v1::AgentReport report = differ.Next(status, MomentAt(110));
  EXPECT_EQ(report.edges_size(), 0);
  ASSERT_EQ(report.instances_size(), 1);
  EXPECT_EQ(report.instances(0).state(), "ejected");
  EXPECT_EQ(report.instances(0).requests(), 0U);
  ASSERT_EQ(report.breakers_size(), 1);
  EXPECT_EQ(report.breakers(0).state(), "open");
  EXPECT_EQ(report.breakers(0).transitions(), 1U);
}

TEST(DifferTest, WhatTheBudgetKeepsBackComesInLaterReportsAndNothingIsCountedTwice) {
  Differ differ(At(90));
  differ.SetByteBudget(300);
  report::AgentStatus status;
  for (int i = 0; i < 20; ++i) {
    const report::EdgeKey key{{{"local", "default", "s" + std::to_string(i)}, 80},
                              engine::Direction::kOutbound};
    Count(status, key, 5, 1);
  }
  std::map<std::string, std::uint64_t> seen;
  int reports = 0;
  for (std::uint64_t kept = 1; kept > 0 && reports < 100; ++reports) {
    const v1::AgentReport report = differ.Next(status, MomentAt(100 + reports));
    for (const v1::Edge& edge : report.edges()) seen[edge.service().name()] += edge.requests();
    EXPECT_LT(report.ByteSizeLong(), 600U);
    kept = report.dropped();
  }
  EXPECT_GT(reports, 5);
  EXPECT_EQ(seen.size(), 20U);
  for (const auto& [name, requests] : seen) EXPECT_EQ(requests, 5U) << name;
}

TEST(DifferTest, CountsThatFellBeginAnew) {
  Differ differ(At(90));
  report::AgentStatus status;
  Count(status, kCart, 100, 50);
  differ.Next(status, MomentAt(100));
  status = {};
  Count(status, kCart, 4, 1);
  const v1::AgentReport report = differ.Next(status, MomentAt(110));
  ASSERT_EQ(report.edges_size(), 1);
  EXPECT_EQ(report.edges(0).requests(), 4U);
  EXPECT_EQ(report.breakers(0).failures(), 1U);
}

TEST(DifferTest, InboundTrafficHasEdgesOnly) {
  Differ differ(At(90));
  report::AgentStatus status;
  Count(status, {kCart.first, engine::Direction::kInbound}, 2, 0);
  const v1::AgentReport report = differ.Next(status, MomentAt(100));
  ASSERT_EQ(report.edges_size(), 1);
  EXPECT_TRUE(report.edges(0).inbound());
  EXPECT_EQ(report.breakers_size() + report.pools_size() + report.instances_size(), 0);
}

}  // namespace
}  // namespace weft::uplink
