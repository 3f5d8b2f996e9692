#pragma once
// State as JSON, for the pages of this folder. Pure.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "agent/report/status.h"
#include "common/snapshot/snapshot.h"
#include "common/time/time.h"

namespace weft::admin {

nlohmann::json InstancesPage(
    const report::AgentStatus& status);  // {"instances": [{"id", "service", "state", …}]}
nlohmann::json CircuitsPage(
    const report::AgentStatus& status);  // {"circuits": [{"service", "port", "state", …}]}
nlohmann::json PoolsPage(const report::AgentStatus& status);  // {"pools": [{"service", "port", "active", …}]}
nlohmann::json SnapshotPage(const snapshot::Snapshot& snapshot);

// The seeds' statistics document: same field names, numbers as numbers, times in Unix seconds. Of outbound
// traffic; services are named "name", or "namespace/name" outside the namespace "default"; their ports are
// taken together.
struct DocumentContext {
  std::string service;  // who reports
  std::string correlation_id;
  TimePoint now;
  Duration wall_minus_monotonic = Duration::zero();
};
nlohmann::json HealthStats(const report::AgentStatus& status, const DocumentContext& context);

}  // namespace weft::admin
