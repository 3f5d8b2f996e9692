#include "agent/report/status.h"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace weft::report {
namespace {

CircuitStatus CircuitOf(const engine::Backend& backend) {
  CircuitStatus status;
  if (backend.policy != nullptr) {
    status.enabled = backend.policy->circuit_breaker.enabled;
    status.threshold = std::max(backend.policy->circuit_breaker.failure_threshold, backend.threshold);
  }
  if (backend.shared == nullptr) return status;
  const breaker::View view = backend.shared->circuit.Look();
  const breaker::Counts counts = backend.shared->circuit.counts();
  status.state = breaker::ToString(view.state);
  status.openings = view.openings;
  status.to_closed = counts.closed;
  status.to_open = counts.opened;
  status.to_half_open = counts.half_opened;
  status.to_recovering = counts.recovering;
  return status;
}

InstanceStatus InstanceOf(const engine::Engine& engine, const engine::Target& target) {
  InstanceStatus status;
  status.address = target.address.ToString();
  status.zone = target.instance->zone;
  status.state = target.state;
  status.draining = target.draining;
  status.weight = target.instance->weight;
  status.in_flight = target.in_flight();
  status.connections = target.connections;
  status.recent = engine.RecentOf(target);
  return status;
}

// HTTP/1.1: a connection carries one request, so what is in flight is what is active.
BackendStatus StatusOf(const engine::Engine& engine, const engine::Backend& backend) {
  BackendStatus status;
  status.in_flight = backend.in_flight;
  status.circuit = CircuitOf(backend);
  if (backend.inbound && backend.shared != nullptr)
    status.concurrency_limit = backend.shared->concurrency.limit();
  const auto copy = [](const engine::Backend::Foreseen& f) {
    return Foreseen{f.hits, f.wrong, f.missed, f.lead};
  };
  status.foreseen = copy(backend.foreseen);
  status.learned = copy(backend.learned);
  status.adaptive_timeout = backend.adaptive_timeout;
  status.beyond_timeout = backend.beyond_timeout;
  status.pool.pending = backend.waiting;
  if (backend.policy != nullptr)
    status.pool.max_connections = backend.policy->connection_pool.max_connections;
  for (const auto& target : backend.targets) {
    const std::uint32_t active = std::min(target->in_flight(), target->connections);
    status.pool.active += active;
    status.pool.idle += target->connections - active;
    if (target->instance != nullptr && !target->removed) {
      status.instances.emplace(target->instance->id, InstanceOf(engine, *target));
    }
  }
  return status;
}

void Merge(InstanceStatus& into, const InstanceStatus& from) {
  into.in_flight += from.in_flight;
  into.connections += from.connections;
  into.draining |= from.draining;
  const double requests = static_cast<double>(into.recent.requests) + from.recent.requests;
  const double share =
      requests > 0 ? from.recent.requests / requests : from.recent.latency > into.recent.latency;
  into.recent.latency += Duration(static_cast<std::int64_t>(
      share * static_cast<double>((from.recent.latency - into.recent.latency).count())));
  into.recent.points += from.recent.points;
  into.recent.requests += from.recent.requests;
}

void Merge(BackendStatus& into, BackendStatus&& from) {
  into.in_flight += from.in_flight;
  into.foreseen += from.foreseen;
  into.learned += from.learned;
  into.adaptive_timeout = std::max(into.adaptive_timeout, from.adaptive_timeout);
  into.beyond_timeout += from.beyond_timeout;
  into.pool.active += from.pool.active;
  into.pool.idle += from.pool.idle;
  into.pool.pending += from.pool.pending;
  for (auto& [id, instance] : from.instances) {
    const auto [found, added] = into.instances.emplace(id, instance);
    if (!added) Merge(found->second, instance);
  }
}

struct Gathering {
  std::mutex mutex;
  AgentStatus status;       // guarded by mutex
  std::size_t missing = 0;  // guarded by mutex
  std::function<void(AgentStatus)> done;
};

void Deliver(Gathering& gathering, AgentStatus&& status) {
  bool last = false;
  {
    const std::lock_guard lock(gathering.mutex);
    Merge(gathering.status, std::move(status));
    last = --gathering.missing == 0;
  }
  if (!last) return;
  for (auto& [key, backend] : gathering.status.backends) FillHealth(backend);
  gathering.done(std::move(gathering.status));
}

double StandingOf(const InstanceStatus& instance) {
  if (instance.draining) return 0;
  switch (instance.state) {
    case engine::InstanceState::kHealthy: return 1;
    case engine::InstanceState::kDegraded: return 0.5;
    case engine::InstanceState::kProbing: return 0.1;
    case engine::InstanceState::kUnhealthy:
    case engine::InstanceState::kEjected: break;
  }
  return 0;
}

}  // namespace

Foreseen& Foreseen::operator+=(const Foreseen& o) {
  hits += o.hits;
  wrong += o.wrong;
  missed += o.missed;
  lead += o.lead;
  return *this;
}

void FillHealth(BackendStatus& backend) {
  constexpr double kUsual = 1.5;  // times the median: nobody's fault
  std::vector<Duration> latencies;
  for (const auto& [id, instance] : backend.instances) {
    if (instance.recent.latency > Duration::zero()) latencies.push_back(instance.recent.latency);
  }
  const auto middle = latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() / 2);
  if (middle != latencies.end()) std::nth_element(latencies.begin(), middle, latencies.end());
  for (auto& [id, instance] : backend.instances) {
    const engine::Recent& recent = instance.recent;
    instance.health = {};
    instance.health.standing = StandingOf(instance);
    if (recent.requests > 0) instance.health.errors = std::max(0.0, 1 - recent.points / recent.requests);
    if (recent.latency > Duration::zero()) {
      instance.health.speed = std::min(
          1.0, kUsual * static_cast<double>(middle->count()) / static_cast<double>(recent.latency.count()));
    }
  }
}

AgentStatus Look(const engine::Engine& engine, const Reporter& reporter) {
  AgentStatus status;
  if (engine.snapshot() != nullptr) status.revision = engine.snapshot()->version.revision;
  status.generations = engine.live_generations();
  for (const auto& backend : engine.backends()) {
    status.backends.emplace(EdgeKey{backend->key, engine::DirectionOf(*backend)}, StatusOf(engine, *backend));
  }
  status.totals = reporter.Copy();
  return status;
}

void Merge(AgentStatus& into, AgentStatus&& from) {
  into.revision = std::max(into.revision, from.revision);
  into.generations = std::max(into.generations, from.generations);
  for (auto& [key, backend] : from.backends) {
    const auto found = into.backends.find(key);
    if (found == into.backends.end()) {
      into.backends.emplace(key, std::move(backend));
    } else {
      Merge(found->second, std::move(backend));
    }
  }
  Merge(into.totals, from.totals);
}

void Gather(const std::vector<Worker>& workers, std::function<void(AgentStatus)> done) {
  if (workers.empty()) return done(AgentStatus{});
  const auto gathering = std::make_shared<Gathering>();
  gathering->missing = workers.size();
  gathering->done = std::move(done);
  for (const Worker& worker : workers) {
    worker.loop->Post([gathering, worker] { Deliver(*gathering, Look(*worker.engine, *worker.reporter)); });
  }
}

}  // namespace weft::report
