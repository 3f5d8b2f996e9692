#pragma once
// What the API asks of its neighbours: the agents' streams, their telemetry, and whoever delivers what was
// written. Implemented by controlplane/app over controlplane/stream and controlplane/telemetry. Thread rule:
// any thread.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/compile/compile.h"
#include "controlplane/rollout/machine.h"
#include "weft/v1/config.pb.h"
#include "weft/v1/telemetry.pb.h"

namespace weft::api {

class AgentDirectory {
 public:
  virtual ~AgentDirectory() = default;
  virtual std::vector<v1::Agent> Agents(const std::string& ns) const = 0;  // empty: all; sorted by node_id
  virtual Result<v1::AgentConfig> Config(const std::string& node_id) const = 0;
  virtual Result<std::uint32_t> Accept(const std::string& node_id) = 0;  // empty: all that wait
  virtual Status Drain(const std::string& node_id, std::int64_t deadline_ms) = 0;
};

class Statistics {
 public:
  virtual ~Statistics() = default;
  virtual std::string HealthStats(const std::string& correlation_id) const = 0;
  virtual std::string ServiceStats() const = 0;
  // How well its instances are to those who call them, by id; those that nobody calls are left out.
  virtual std::map<std::string, v1::InstanceHealth> HealthOf(const ServiceKey& service) const = 0;
  virtual v1::GetGraphResponse Graph(const std::string& ns) const = 0;     // empty: all namespaces
  virtual v1::ListIssuesResponse Issues(const std::string& ns) const = 0;  // likewise
  // Of a request, or, when a service is given, of the newest one to it that failed. May take two seconds.
  virtual v1::ExplainResult Explain(const std::string& request_id, const std::string& last_error_of) = 0;
};

// The agents as a rollout sees them.
class Fleet {
 public:
  virtual ~Fleet() = default;
  virtual rollout::Observation Look(const rollout::Cohort& cohort, const snapshot::Version& candidate) = 0;
  // Up to so many connected agents outside the cohort, those that use one of the services first.
  virtual std::vector<std::string> Choose(std::size_t agents, const rollout::Cohort& besides,
                                          const std::set<ServiceKey>& services) const = 0;
  virtual void Measure(
      const std::set<ServiceKey>& services) = 0;  // their traffic, from now on; none: nothing
};

// Hears of each change in order, after its commit, under the lock of the one who calls.
class Publisher {
 public:
  virtual ~Publisher() = default;
  virtual void Release(const compile::Output& compiled, const snapshot::Version& version) = 0;
  // A rollout's candidate: whether it can be served to a cohort alone; serving it, which answers the services
  // that change; to more agents; to all.
  virtual Status CanStage(const compile::Output& compiled) const = 0;
  virtual std::set<ServiceKey> Stage(const compile::Output& compiled, const snapshot::Version& version,
                                     rollout::Cohort cohort) = 0;
  virtual void Widen(rollout::Cohort cohort) = 0;
  virtual void Promote() = 0;
  // All registered instances of one service. Answers the service's endpoints version after it.
  virtual std::uint64_t Registered(const ServiceKey& service, std::vector<snapshot::Instance> instances) = 0;
  // Everything known of a service's instances, registered and static; null: nothing was ever.
  virtual snapshot::EndpointsPtr Endpoints(const ServiceKey& service) const = 0;
};

}  // namespace weft::api
