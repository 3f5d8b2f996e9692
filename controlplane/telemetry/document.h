#pragma once
// The statistics document of GET /api/v1/health/stats: names, nesting and number types are given from outside
// and held by tests/golden/health_stats.json. Thread rule: pure functions.

#include <map>
#include <string>

#include "common/snapshot/snapshot.h"
#include "controlplane/telemetry/aggregate.h"

namespace weft::telemetry {

using EndpointLists = std::map<ServiceKey, snapshot::EndpointsPtr>;  // every registered service

struct Moment {
  TimePoint now{};
  std::int64_t unix_ms = 0;
};

// A service is "name" in namespace default, else "namespace/name".
std::string HealthStats(const Aggregate& aggregate, const EndpointLists& endpoints,
                        const std::string& correlation_id, Moment at);

// What `weftctl stat` shows: {"items": [{namespace, name, instances, meshed, requests, retries, successRate,
// rps, p50Ms, p95Ms, p99Ms, circuit}]}; rates, success and percentiles over the last 30 to 60 seconds.
std::string ServiceStats(const Aggregate& aggregate, const EndpointLists& endpoints, TimePoint now);

}  // namespace weft::telemetry
