#include "controlplane/graph/graph.h"

#include "common/wire/wire.h"

namespace weft::graph {
namespace {

constexpr std::size_t kLongestName = 253;

std::string Shortened(const std::string& text) { return text.substr(0, kLongestName); }

}  // namespace

Caller CallerOf(const std::string& node_id, const std::string& ns, const std::string& service) {
  const std::string in = IsDnsLabel(ns) ? ns : "default";
  if (IsDnsLabel(service)) return {in, service, false};
  return {in, Shortened(node_id), true};
}

void Graph::Add(const std::string& node_id, const Caller& caller, const v1::AgentReport& report,
                TimePoint now) {
  for (const v1::Edge& reported : report.edges()) {
    Edge* edge =
        reported.requests() == 0 ? nullptr : Find(reported.inbound() ? Caller() : caller, reported.service());
    if (edge == nullptr) continue;
    edge->window.Add(reported, now, Duration(report.interval_ns()));
    edge->last = now;
    edge->changed = true;
  }
  for (const v1::BreakerStat& breaker : report.breakers()) {
    const bool closed = breaker.state() == "closed" || breaker.state().empty();
    const bool known =
        breaker.state() == "open" || breaker.state() == "half_open" || breaker.state() == "recovering";
    Edge* edge = closed || known ? Find(caller, breaker.service()) : nullptr;
    if (edge == nullptr) continue;
    if (edge->last == TimePoint()) edge->last = now;
    const std::string circuit = Shortened(node_id) + ":" + std::to_string(breaker.port());
    edge->changed = true;
    if (closed) {
      edge->circuits.erase(circuit);
    } else if (edge->circuits.size() >= kMaxCircuits && !edge->circuits.contains(circuit)) {
      ++overflows_;
    } else {
      edge->circuits[circuit] = breaker.state();
    }
  }
}

Edge* Graph::Find(const Caller& from, const v1::ServiceKey& wire) {
  EdgeKey key{from, wire::UncheckedKey(wire)};
  const auto found = edges_.find(key);
  if (found != edges_.end()) return &found->second;
  const bool named = IsDnsLabel(key.to.cluster) && IsDnsLabel(key.to.ns) && IsDnsLabel(key.to.name);
  if (edges_.size() >= kMaxEdges || !named) {
    overflows_ += named;  // requests to no service of the mesh have no name, and no edge
    return nullptr;
  }
  return &edges_[std::move(key)];
}

void Graph::ForgetAgent(const std::string& node_id) {
  const std::string prefix = Shortened(node_id) + ":";
  for (auto& [key, edge] : edges_) {
    const auto erased =
        std::erase_if(edge.circuits, [&](const auto& c) { return c.first.starts_with(prefix); });
    edge.changed = edge.changed || erased > 0;
  }
}

void Graph::Expire(TimePoint now) {
  std::erase_if(edges_, [&](const auto& entry) { return now - entry.second.last > kIdle; });
}

}  // namespace weft::graph
