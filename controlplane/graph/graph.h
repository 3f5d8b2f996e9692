#pragma once
// Who calls whom: one edge per calling service (or client without a service) and called service, all ports
// and rules together, made of what the callers' agents report (outbound). What the called side counts
// (inbound) is kept per service as the edge of the nameless caller: it shows what the called agent refused.
// Bounds: kMaxEdges edges, one open circuit per edge and agent for kMaxCircuits agents; what is beyond is
// left out and counted. An edge without requests for kIdle is forgotten. 9 KiB for an edge that one agent
// reports, 40 KiB for one of twenty agents (8 bytes per latency bucket and slice). Pure: time comes in. Not
// thread safe.

#include <map>
#include <string>

#include "common/net/key.h"
#include "controlplane/graph/window.h"

namespace weft::graph {

inline constexpr std::size_t kMaxEdges = 4000;
inline constexpr std::size_t kMaxCircuits = 64;
inline constexpr Duration kIdle = std::chrono::minutes(15);

struct Caller {
  std::string ns, name;  // no name: whoever calls from where no agent reports
  bool client = false;   // a client without a service: the name is its agent's id
  auto operator<=>(const Caller&) const = default;
};

struct EdgeKey {
  Caller from;
  ServiceKey to;
  bool inbound() const { return from.name.empty(); }
  friend bool operator==(const EdgeKey&, const EdgeKey&) = default;
  friend auto operator<=>(const EdgeKey&, const EdgeKey&) = default;
};

struct Edge {
  Window window;
  std::map<std::string, std::string> circuits;  // by agent, those that are not closed
  TimePoint last;                               // report with requests
  bool changed = false;                         // since whoever watches set it to false
};

class Graph {
 public:
  // `node_id`: the agent; `caller`: its service, or itself.
  void Add(const std::string& node_id, const Caller& caller, const v1::AgentReport& report, TimePoint now);
  void ForgetAgent(const std::string& node_id);  // its circuits; what it counted stays
  void Expire(TimePoint now);

  std::map<EdgeKey, Edge>& edges() { return edges_; }
  const std::map<EdgeKey, Edge>& edges() const { return edges_; }
  std::uint64_t overflows() const { return overflows_; }  // reported edges and circuits beyond a bound

 private:
  Edge* Find(const Caller& from, const v1::ServiceKey& to);

  std::map<EdgeKey, Edge> edges_;
  std::uint64_t overflows_ = 0;
};

// Of an agent that greeted with these: its service, or itself when it has none or one that is no name.
Caller CallerOf(const std::string& node_id, const std::string& ns, const std::string& service);

}  // namespace weft::graph
