#include "controlplane/issues/issue.h"

namespace weft::issues {

Subject Subject::Edge(const graph::EdgeKey& key) {
  if (key.inbound()) return Service(key.to);
  return {Kind::kEdge, key.from.ns, key.from.name, key.to.ns, key.to.name};
}

Subject Subject::Service(const ServiceKey& key) { return {Kind::kService, {}, {}, key.ns, key.name}; }

Subject Subject::Agent(std::string ns, std::string id) {
  return {Kind::kAgent, {}, {}, std::move(ns), std::move(id)};
}

Subject Subject::ControlPlane(std::string part) { return {Kind::kControlPlane, {}, {}, {}, std::move(part)}; }

Subject Subject::Source(std::string name) { return {Kind::kSource, {}, {}, {}, std::move(name)}; }

std::string_view Subject::KindText() const {
  if (kind == Kind::kEdge) return "Edge";
  if (kind == Kind::kControlPlane) return "ControlPlane";
  if (kind == Kind::kSource) return "Source";
  return kind == Kind::kAgent ? "Agent" : "Service";
}

std::string Subject::Text() const {
  const std::string to = ns.empty() ? name : ShortName(ns, name);
  return kind == Kind::kEdge ? ShortName(from_ns, from) + " -> " + to : to;
}

}  // namespace weft::issues
