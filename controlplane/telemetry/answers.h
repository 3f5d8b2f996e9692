#pragma once
// What Telemetry.GetGraph and ListIssues answer, of a graph, its issues and what is registered. Thread rule:
// pure functions.

#include "controlplane/issues/detector.h"
#include "controlplane/telemetry/document.h"

namespace weft::telemetry {

// Instances of a service by health, as the statistics document counts them.
struct Instances {
  std::size_t total = 0, healthy = 0, unhealthy = 0;
  std::size_t serving = 0;              // not unhealthy, or only ejected: for a while, by some agents
  std::string_view health = "healthy";  // of the service
};
Instances CountInstances(const Aggregate& aggregate, const EndpointLists& endpoints, const ServiceKey& key);

v1::GetGraphResponse GraphAnswer(const graph::Graph& graph, const issues::Detector& detector,
                                 const Aggregate& aggregate, const EndpointLists& endpoints,
                                 const std::string& ns, TimePoint now);
v1::ListIssuesResponse IssuesAnswer(const graph::Graph& graph, const issues::Detector& detector,
                                    const std::string& ns, Moment at);

// Every service that has instances or whose instance flaps.
std::vector<issues::ServiceLook> LookAtServices(const Aggregate& aggregate, const EndpointLists& endpoints,
                                                TimePoint now);

}  // namespace weft::telemetry
