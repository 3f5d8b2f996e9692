// An agent's reports from foreign bytes: whatever they say, what is kept stays within its bounds, and the
// documents made of it can be made.
#include "controlplane/telemetry/answers.h"
#include "tests/fuzz/require.h"

using weft::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weft::v1::AgentReport report;
  if (!report.ParseFromArray(data, static_cast<int>(size))) return 0;
  weft::telemetry::Aggregate aggregate;
  weft::graph::Graph graph;
  weft::issues::Detector detector;
  const weft::graph::Caller caller = weft::graph::CallerOf("a", "default", "web");
  weft::TimePoint now(std::chrono::seconds(1000));
  for (int i = 0; i < 3; ++i, now += std::chrono::seconds(10)) {
    aggregate.Add("a", report, now);
    graph.Add("a", caller, report, now);
    detector.Look(graph, nullptr, nullptr, now);
  }
  Require(graph.edges().size() <= weft::graph::kMaxEdges);
  Require(detector.tracker().All().size() <= weft::issues::kMaxIssues);
  for (const auto& [key, edge] : graph.edges()) {
    const weft::graph::Sum sum = edge.window.Recent(now);
    Require(sum.SuccessRate() >= 0 && sum.SuccessRate() <= 1 && sum.PerSecond(now) >= 0);
  }
  weft::telemetry::HealthStats(aggregate, {}, "id", {now, 1});
  weft::telemetry::GraphAnswer(graph, detector, aggregate, {}, "", now);
  weft::telemetry::IssuesAnswer(graph, detector, "", {now, 1});
  return 0;
}
