#pragma once
// What workers tell one another, at most 100 ms late: each worker hands a WorkerDelta to the process's
// Aggregator, which publishes one immutable ServiceView to all. Ejection and weights live here; exact permits
// and caps do not (they are atomics in shared.h). docs/architecture.md says which is which.

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/net/key.h"
#include "common/time/time.h"

namespace weft::engine {

enum class InstanceState : std::uint8_t { kHealthy, kDegraded, kUnhealthy, kEjected, kProbing };

struct InstanceView {
  std::uint64_t instance = 0;  // snapshot::Instance::hash
  InstanceState state = InstanceState::kHealthy;
  TimePoint until;         // of kEjected
  const char* cause = "";  // static: "consecutive", "failure_rate", "active_check", …
};

struct ServiceView {
  std::uint64_t epoch = 0;  // counts up
  TimePoint at;
  // Only instances that are not plainly healthy.
  std::unordered_map<BackendKey, std::vector<InstanceView>> backends;
};
using ViewPtr = std::shared_ptr<const ServiceView>;

// Windows of one worker since its last tick.
struct InstanceDelta {
  std::uint64_t instance = 0;
  std::uint32_t requests = 0;
  double points = 0, squares = 0;  // weighted badness of attempts, and its squares
  std::uint32_t consecutive = 0;   // failures in a row at the end of the tick
  TimePoint first_of_run;
  double logs = 0;            // of response times, health::LogOf
  std::uint32_t answers = 0;  // that are in `logs`
  std::uint32_t passed_checks = 0, failed_checks = 0, slow_checks = 0;
  std::uint32_t probe_passed = 0, probe_failed = 0;  // trial requests of kProbing
};

struct BackendDelta {
  BackendKey backend;
  std::vector<InstanceDelta> instances;
  std::uint32_t generation = 0;                    // of the circuit that the points belong to
  double points = 0, points_4xx = 0, squares = 0;  // weighted, of final outcomes
  std::uint32_t requests = 0;
};

struct WorkerDelta {
  std::uint32_t worker = 0;
  TimePoint at;
  std::vector<BackendDelta> backends;  // only those with something to say
};

}  // namespace weft::engine
