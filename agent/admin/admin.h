#pragma once
// The agent's pages for people and for Prometheus, as handlers for common/http servers. What they show comes
// through Providers, which the program fills in; an empty provider makes its page answer 501.
//
//   15000, loopback only: GET / /config /snapshot /instances /circuits /pools /decisions /explain/{request
//   id} /logging
//                         /api/v1/health/stats, POST /logging?level= /drain /quit
//   15020:                GET /metrics /readyz /livez
//
// Admin requests must name an IP address or localhost as Host (DNS rebinding), and change things by POST
// only. Thread rule: handlers and providers run on the cold thread; nothing here blocks.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/report/status.h"
#include "common/http/server.h"
#include "common/snapshot/snapshot.h"
#include "common/time/time.h"

namespace weft::admin {

struct ConfigStatus {
  std::uint64_t rejected = 0;       // bundles refused since the start
  Duration age = Duration::zero();  // since the source of the configuration was last heard
};

struct IdentityStatus {
  WallTime expires{};                     // zero: no certificate yet
  std::uint64_t issued = 0, refused = 0;  // since the start
};

struct Readiness {
  bool ready = false;
  std::string state;   // "starting", "ready", "draining"
  std::string detail;  // one sentence when not ready
};

using Records = std::vector<std::string>;  // JSON objects, newest first

struct Providers {
  std::string service;  // "cart": for the statistics document
  Duration wall_minus_monotonic = Duration::zero();
  std::function<TimePoint()> now;                   // never empty
  std::function<void(std::function<void()>)> post;  // to the cold thread; never empty
  // May call back on any thread.
  std::function<void(std::function<void(report::AgentStatus)>)> gather;
  std::function<void(std::string request_id, std::function<void(Records)>)> explain;
  std::function<void(std::size_t most, bool only_bad, std::function<void(Records)>)> decisions;
  std::function<std::string()> config;              // the effective configuration as JSON
  std::function<snapshot::SnapshotPtr()> snapshot;  // may give null: none yet
  std::function<ConfigStatus()> config_status;
  std::function<IdentityStatus()> identity;  // empty: the agent is to have none
  std::function<Readiness()> readiness;
  std::function<std::string()> log_level;
  std::function<Status(std::string_view level)> set_log_level;
  std::function<void()> drain, quit;
};

http::DeferredHandler AdminHandler(std::shared_ptr<const Providers> providers);
// Adds a source to the registry; call it once.
http::DeferredHandler TelemetryHandler(std::shared_ptr<const Providers> providers,
                                       std::shared_ptr<metrics::Registry> registry,
                                       std::shared_ptr<const report::Families> families);

}  // namespace weft::admin
