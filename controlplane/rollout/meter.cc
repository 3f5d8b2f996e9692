#include "controlplane/rollout/meter.h"

#include <algorithm>

#include "common/wire/wire.h"

namespace weft::rollout {
namespace {

void AddEdge(Traffic& sum, const v1::Edge& edge) {
  sum.requests += edge.requests();
  sum.failures += edge.failures();
  const v1::Histogram& latency = edge.latency();
  for (int i = 0; i < std::min(latency.index_size(), latency.count_size()); ++i)
    sum.latency.AddBucket(latency.index(i), latency.count(i));
}

}  // namespace

void Meter::Add(const std::string& node_id, const v1::AgentReport& report, TimePoint now) {
  if (now - std::max(Duration(report.interval_ns()), Duration::zero()) < since_) return;
  Traffic& sum = members_.contains(node_id) ? candidate_ : others_;
  for (const v1::Edge& edge : report.edges()) {
    if (services_.contains(wire::UncheckedKey(edge.service()))) AddEdge(sum, edge);
  }
}

}  // namespace weft::rollout
