#include "controlplane/telemetry/answers.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace weft::telemetry {
namespace {

using graph::Caller;
using issues::Subject;

double ToMs(std::uint32_t micros) { return micros / 1e3; }
double Rounder(double value, double steps) { return std::round(value * steps) / steps; }

v1::Flow FlowOf(const graph::Window& window, TimePoint now) {
  const graph::Sum sum = window.Recent(now);
  v1::Flow flow;
  flow.set_requests(sum.requests);
  flow.set_failures(sum.failures);
  flow.set_retries(sum.retries);
  flow.set_rps(Rounder(sum.PerSecond(now), 10));
  flow.set_success_rate(Rounder(sum.SuccessRate(), 10'000));
  flow.set_p50_ms(ToMs(sum.latency.Percentile(50)));
  flow.set_p95_ms(ToMs(sum.latency.Percentile(95)));
  flow.set_p99_ms(ToMs(sum.latency.Percentile(99)));
  return flow;
}

void SetPeer(v1::Peer& peer, const Caller& caller) {
  peer.set_namespace_(caller.ns);
  peer.set_name(caller.name);
  peer.set_client(caller.client);
}

Caller PeerOf(const ServiceKey& key) { return {key.ns, key.name, false}; }

bool InNamespace(const std::string& wanted, const graph::EdgeKey& key) {
  return wanted.empty() || key.to.ns == wanted || key.from.ns == wanted;
}

std::string WorstCircuit(const graph::Edge& edge) {
  for (const char* state : {"open", "half_open", "recovering"}) {
    for (const auto& [agent, circuit] : edge.circuits) {
      if (circuit == state) return state;
    }
  }
  return "closed";
}

void AddReasons(v1::GraphEdge& out, const graph::Sum& sum) {
  std::vector<std::pair<std::uint64_t, Reason>> counted;
  for (std::size_t i = 1; i < sum.reasons.size(); ++i) {
    if (sum.reasons[i] > 0) counted.emplace_back(sum.reasons[i], static_cast<Reason>(i));
  }
  std::stable_sort(counted.begin(), counted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [count, reason] : counted) {
    v1::Count& said = *out.add_reasons();
    said.set_name(std::string(ToString(reason)));
    said.set_value(count);
  }
}

void AddEdge(v1::GetGraphResponse& answer, const graph::EdgeKey& key, const graph::Edge& edge,
             const issues::Detector& detector, TimePoint now) {
  v1::GraphEdge& out = *answer.add_edges();
  SetPeer(*out.mutable_from(), key.from);
  SetPeer(*out.mutable_to(), PeerOf(key.to));
  *out.mutable_flow() = FlowOf(edge.window, now);
  out.set_circuit(WorstCircuit(edge));
  AddReasons(out, edge.window.Recent(now));
  for (std::size_t i = 0; i < issues::kAbout.size(); ++i) {
    const auto code = static_cast<issues::Code>(i);
    if (detector.tracker().Open(code, Subject::Edge(key)) != nullptr)
      out.add_issues(std::string(issues::AboutOf(code).name));
  }
}

void SetIssue(v1::Issue& out, const issues::Issue& issue, Moment at) {
  const issues::About& about = issues::AboutOf(issue.finding.code);
  const Subject& subject = issue.finding.subject;
  const auto unix_ms = [&](TimePoint then) {
    return at.unix_ms - std::chrono::duration_cast<std::chrono::milliseconds>(at.now - then).count();
  };
  out.set_code(std::string(about.name));
  out.set_severity(about.critical ? "critical" : "warning");
  out.set_kind(std::string(subject.KindText()));
  if (subject.kind == Subject::Kind::kEdge)
    SetPeer(*out.mutable_from(), {subject.from_ns, subject.from, false});
  SetPeer(*out.mutable_to(), {subject.ns, subject.name, false});
  out.set_subject(subject.Text());
  out.set_evidence(issue.finding.evidence);
  out.set_suggestion(issue.finding.suggestion);
  out.set_since_unix_ms(unix_ms(issue.since));
  out.set_seen_unix_ms(unix_ms(issue.seen));
}

}  // namespace

v1::GetGraphResponse GraphAnswer(const graph::Graph& graph, const issues::Detector& detector,
                                 const Aggregate& aggregate, const EndpointLists& endpoints,
                                 const std::string& ns, TimePoint now) {
  v1::GetGraphResponse answer;
  std::map<Caller, ServiceKey> services;
  std::set<Caller> nodes;
  std::map<Caller, const graph::Edge*> inbound;
  for (const auto& [key, list] : endpoints) {
    if (!ns.empty() && key.ns != ns) continue;
    nodes.insert(PeerOf(key));
    services.emplace(PeerOf(key), key);
  }
  for (const auto& [key, edge] : graph.edges()) {
    if (!InNamespace(ns, key)) continue;
    nodes.insert(PeerOf(key.to));
    services.emplace(PeerOf(key.to), key.to);
    if (key.inbound()) {
      inbound[PeerOf(key.to)] = &edge;
      continue;
    }
    nodes.insert(key.from);
    AddEdge(answer, key, edge, detector, now);
  }
  for (const Caller& peer : nodes) {
    v1::GraphNode& node = *answer.add_nodes();
    SetPeer(*node.mutable_peer(), peer);
    if (const auto found = inbound.find(peer); found != inbound.end())
      *node.mutable_inbound() = FlowOf(found->second->window, now);
    const auto service = services.find(peer);
    if (peer.client) continue;
    const ServiceKey key =
        service == services.end() ? ServiceKey{"local", peer.ns, peer.name} : service->second;
    const Instances count = CountInstances(aggregate, endpoints, key);
    node.set_health(std::string(count.health));
    node.set_instances(static_cast<std::uint32_t>(count.total));
    node.set_healthy(static_cast<std::uint32_t>(count.healthy));
  }
  answer.set_overflows(graph.overflows());
  return answer;
}

v1::ListIssuesResponse IssuesAnswer(const graph::Graph& graph, const issues::Detector& detector,
                                    const std::string& ns, Moment at) {
  v1::ListIssuesResponse answer;
  std::vector<v1::Issue> follow;  // of another one
  for (const issues::Issue& issue : detector.tracker().All()) {
    const Subject& subject = issue.finding.subject;
    if (!ns.empty() && subject.ns != ns && subject.from_ns != ns) continue;
    v1::Issue out;
    SetIssue(out, issue, at);
    if (const issues::Issue* cause = detector.CauseOf(issue, graph)) {
      out.set_cause(std::string(issues::AboutOf(cause->finding.code).name) + " " +
                    cause->finding.subject.Text());
      follow.push_back(std::move(out));
    } else {
      *answer.add_issues() = std::move(out);
    }
  }
  for (v1::Issue& issue : follow) *answer.add_issues() = std::move(issue);
  answer.set_overflows(detector.tracker().overflows());
  return answer;
}

std::vector<issues::ServiceLook> LookAtServices(const Aggregate& aggregate, const EndpointLists& endpoints,
                                                TimePoint now) {
  std::vector<issues::ServiceLook> looks;
  for (const auto& [key, list] : endpoints) {
    const Instances count = CountInstances(aggregate, endpoints, key);
    issues::ServiceLook look{key, count.total, count.serving, {}, 0};
    if (const auto found = aggregate.services().find(key); found != aggregate.services().end()) {
      for (const auto& [id, view] : found->second.instances) {
        const std::size_t flips = view.Flips(now);
        if (flips >= kFlapping && flips > look.flips) look.flapping = id, look.flips = flips;
      }
    }
    looks.push_back(std::move(look));
  }
  return looks;
}

}  // namespace weft::telemetry
