#pragma once
// What the admin pages show of this process. Thread rule: the cold thread; `done` is called on a worker's
// thread.

#include "agent/admin/admin.h"
#include "agent/config/manager.h"
#include "agent/forward/forwarder.h"
#include "agent/probe/probe.h"
#include "agent/settings/settings.h"
#include "common/log/log.h"

namespace weft::app {

struct RecordQuery {
  std::string request_id;  // empty: the last ones
  std::size_t most = 100;
  bool only_bad = false;
  std::string service;  // "namespace/name": only its last ones that did not end in 2xx
};
// Asks every worker; newest first.
void CollectRecords(forward::Forwarder& forwarder, RecordQuery query,
                    std::function<void(admin::Records)> done);

void AddLastChecks(const probe::Prober& prober, report::AgentStatus& status);
std::vector<report::Worker> ReportWorkers(forward::Forwarder& forwarder);
std::string ConfigPage(const settings::Settings& settings, const config::Manager& manager,
                       const forward::Forwarder& forwarder,
                       identity::Keeper* keeper);  // null: no identity is configured
std::string_view LevelName(log::Level level);
Duration WallMinusMonotonic();

}  // namespace weft::app
