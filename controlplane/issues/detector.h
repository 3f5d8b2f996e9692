#pragma once
// Looks at the graph, the services and the agents, and keeps the issues. An edge is judged by the reports of
// the last 10 to 12.5 s, when one came and every 2.5 s. A share of requests counts only when it is above its
// limit with the lower bound of Wilson's interval (z = 3), so that few requests or usual noise raise nothing;
// an open issue stays until the share is below half the limit. docs/issues.md has the conditions. Pure: time
// comes in. Not thread safe.

#include <vector>

#include "controlplane/issues/tracker.h"

namespace weft::issues {

struct ServiceLook {
  ServiceKey key;
  std::size_t instances = 0, healthy = 0;
  std::string flapping;   // an instance; empty: none
  std::size_t flips = 0;  // of that instance within five minutes
};

// An agent that does not hold what it was sent, or waits.
struct AgentLook {
  std::string ns, id;
  std::uint64_t target = 0, held = 0;  // revisions
  bool awaiting = false;               // for confirmation of a new store
  std::string refused;                 // "default/cart: ports[0].port must be …"; empty: nothing
};

// A certificate that ends too soon: it should have been renewed.
struct CertificateLook {
  std::string ns, id;  // of the agent that shows it; empty ns: it is what the control plane issues with
  Duration left;       // negative: it has ended
};

// A place outside that services come from and that does not answer.
struct SourceLook {
  std::string name;
  std::string problem;
  std::size_t services = 0, instances = 0;  // that are served as last known
};

class Detector {
 public:
  // Null: not looked at this time. Edges are marked as seen.
  std::vector<Change> Look(graph::Graph& graph, const std::vector<ServiceLook>* services,
                           const std::vector<AgentLook>* agents, TimePoint now,
                           const std::vector<SourceLook>* lost = nullptr);
  // For the next Look.
  void Certificates(const std::vector<CertificateLook>& ending, TimePoint now);
  const Tracker& tracker() const { return tracker_; }
  // The open issue of an edge further down that `issue` probably comes from; null: none, it is the cause.
  const Issue* CauseOf(const Issue& issue, const graph::Graph& graph) const;

 private:
  void LookAt(const graph::EdgeKey& key, graph::Edge& edge, TimePoint now);
  void Errors(const graph::EdgeKey& key, const graph::Sum& sum, TimePoint now);
  void Latency(const graph::EdgeKey& key, graph::Edge& edge, TimePoint now);
  void Refusals(const graph::EdgeKey& key, const graph::Sum& sum, TimePoint now);
  void Circuits(const graph::EdgeKey& key, const graph::Edge& edge, TimePoint now);
  bool IsOpen(Code code, const Subject& subject) const { return tracker_.Open(code, subject) != nullptr; }
  bool Exceeds(Code code, const Subject& subject, std::uint64_t some, std::uint64_t all, double limit) const;

  Tracker tracker_;
  std::int64_t step_ = 0;
};

}  // namespace weft::issues
