#pragma once
// The state of an agent now, for metrics that nobody counts, for the admin pages and the health statistics:
// each worker is looked at on its own thread, then the looks are merged. Plain values.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/engine/engine.h"
#include "agent/loop/loop.h"
#include "agent/report/families.h"
#include "agent/report/reporter.h"
#include "agent/report/totals.h"

namespace weft::report {

// How well an instance is, as one number of three parts, each 0 to 1:
//
//   standing  1 healthy, 0.5 degraded, 0.1 on probation, 0 ejected, unhealthy or draining
//   errors    1 less the weighted badness of its attempts of the last 10 s (a 5xx 1.5, so two thirds are 0)
//   speed     1.5 times the median latency of the service's instances over its own, at most 1
//
// Unused ones have 1 where nothing is known.
struct InstanceHealth {
  double standing = 1, errors = 1, speed = 1;
  double number() const { return 100 * standing * errors * speed; }
};

struct InstanceStatus {
  std::string address;  // "ip:port"
  std::string zone;
  engine::InstanceState state = engine::InstanceState::kHealthy;
  bool draining = false;
  std::uint32_t weight = 0;
  std::uint32_t in_flight = 0;  // of all workers
  std::uint32_t connections = 0;
  engine::Recent recent;  // of all workers; latency weighted by their requests
  InstanceHealth health;
  TimePoint last_check;  // of an active check; zero: never. Nothing a worker knows: the program fills it in
};

struct CircuitStatus {
  std::string state = "closed";  // closed, open, half_open, recovering
  bool enabled = true;
  double threshold = 0;        // weighted points that open it now; at least the policy's
  std::uint32_t openings = 0;  // in a row; sets the next open time
  std::uint64_t to_closed = 0, to_open = 0, to_half_open = 0,
                to_recovering = 0;  // transitions since the start
};

struct Foreseen {  // of all workers
  std::uint64_t hits = 0, wrong = 0, missed = 0;
  Duration lead = Duration::zero();
  Foreseen& operator+=(const Foreseen& o);
};

struct PoolStatus {
  std::uint32_t active = 0, idle = 0, pending = 0;  // of all workers, now
  std::uint32_t max_connections = 0;                // per instance; zero: no cap
};

struct BackendStatus {
  std::uint32_t in_flight = 0;
  std::uint32_t concurrency_limit = 0;           // inbound; zero: no limiter, or nobody asked yet
  Foreseen foreseen, learned;                    // by trend, and by the logistic model
  Duration adaptive_timeout = Duration::zero();  // the longest of the workers'; zero: none
  std::uint64_t beyond_timeout = 0;
  CircuitStatus circuit;  // shared by the workers, so any worker's look is the truth
  PoolStatus pool;
  std::map<std::string, InstanceStatus> instances;  // by instance id; removed ones left out
};

struct AgentStatus {
  std::uint64_t revision = 0;   // of the newest snapshot; zero: none
  std::size_t generations = 0;  // of the worker that holds most
  std::map<EdgeKey, BackendStatus> backends;
  Totals totals;
};

AgentStatus Look(const engine::Engine& engine, const Reporter& reporter);  // on the worker's thread
void Merge(AgentStatus& into, AgentStatus&& from);
void FillHealth(BackendStatus& backend);  // of its instances, from the rest; when all workers are in it

struct Worker {
  loop::EventLoop* loop = nullptr;
  const engine::Engine* engine = nullptr;
  const Reporter* reporter = nullptr;
};
// Asks every worker and calls `done` on the thread of the last that answers. The workers' loops must be
// running.
void Gather(const std::vector<Worker>& workers, std::function<void(AgentStatus)> done);

// Samples of what is a state: circuits, instances, pools, configuration.
void AddSamples(const Families& families, const AgentStatus& status, metrics::Samples& samples);

// Counts ejections by watching the views that the aggregator publishes. Thread rule: the thread that
// publishes.
class EjectionWatch {
 public:
  EjectionWatch(metrics::Registry& registry, const Families& families)
      : shard_(registry.AddShard()), families_(families) {}
  // `name` gives an instance's id for its hash; empty: unknown by now.
  void Observe(const engine::ServiceView& view,
               const std::function<std::string(const BackendKey&, std::uint64_t)>& name);

 private:
  metrics::Shard& shard_;
  const Families& families_;
  std::map<std::pair<BackendKey, std::uint64_t>, TimePoint> ejected_;  // until when, as of the last view
};

}  // namespace weft::report
