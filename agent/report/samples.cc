#include <array>

#include "agent/report/status.h"

namespace weft::report {
namespace {

constexpr std::array<std::string_view, 4> kCircuitStates = {"closed", "open", "half_open", "recovering"};
constexpr std::size_t kInstanceStates = 5;

// Sums over the ports of a service, as the labels of pools have none.
struct ServicePool {
  PoolStatus now;
  std::uint64_t lent = 0, reused = 0;
};

void AddCircuit(const Families& f, const BackendKey& key, const CircuitStatus& circuit,
                metrics::Samples& samples) {
  const std::string port = std::to_string(key.port);
  for (const std::string_view state : kCircuitStates) {
    samples.Set(f.circuit_state, {key.service.name, key.service.ns, port, state},
                circuit.state == state ? 1 : 0);
  }
  const std::array<std::uint64_t, 4> counts = {circuit.to_closed, circuit.to_open, circuit.to_half_open,
                                               circuit.to_recovering};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    samples.Set(f.circuit_transitions, {key.service.name, key.service.ns, port, kCircuitStates[i]},
                static_cast<double>(counts[i]));
  }
}

void AddForeseen(const Families& f, const BackendKey& key, std::string_view model, const Foreseen& seen,
                 metrics::Samples& samples) {
  if (seen.hits + seen.wrong + seen.missed == 0) return;
  const std::string port = std::to_string(key.port);
  for (const auto& [result, count] :
       {std::pair{"hit", seen.hits}, std::pair{"false", seen.wrong}, std::pair{"missed", seen.missed}}) {
    samples.Set(f.predictions, {key.service.name, key.service.ns, port, model, result},
                static_cast<double>(count));
  }
  samples.Set(f.prediction_lead, {key.service.name, key.service.ns, port, model},
              std::chrono::duration<double>(seen.lead).count());
}

// What the service has taught; only what is there.
void AddLearned(const Families& f, const BackendKey& key, const BackendStatus& backend,
                metrics::Samples& samples) {
  const std::string port = std::to_string(key.port);
  const std::initializer_list<std::string_view> labels = {key.service.name, key.service.ns, port};
  AddForeseen(f, key, "trend", backend.foreseen, samples);
  AddForeseen(f, key, "logistic", backend.learned, samples);
  if (backend.adaptive_timeout == Duration::zero()) return;
  samples.Set(f.adaptive_timeout, labels, std::chrono::duration<double>(backend.adaptive_timeout).count());
  samples.Set(f.adaptive_timeout_exceeded, labels, static_cast<double>(backend.beyond_timeout));
}

using InstanceKey = std::pair<ServiceKey, std::string>;

// An instance of several ports shows the worst of their states, once.
void NoteInstances(const ServiceKey& service, const BackendStatus& backend,
                   std::map<InstanceKey, engine::InstanceState>& worst) {
  for (const auto& [id, instance] : backend.instances) {
    engine::InstanceState& state = worst.emplace(InstanceKey{service, id}, instance.state).first->second;
    state = std::max(state, instance.state);
  }
}

void AddInstance(const Families& f, const InstanceKey& key, engine::InstanceState now,
                 metrics::Samples& samples) {
  for (std::size_t i = 0; i < kInstanceStates; ++i) {
    const auto state = static_cast<engine::InstanceState>(i);
    samples.Set(f.instance_health, {key.first.name, key.first.ns, key.second, ToString(state)},
                now == state ? 1 : 0);
  }
}

void AddPool(const Families& f, const ServiceKey& service, const ServicePool& pool,
             metrics::Samples& samples) {
  samples.Set(f.pool_connections, {service.name, service.ns, "active"}, pool.now.active);
  samples.Set(f.pool_connections, {service.name, service.ns, "idle"}, pool.now.idle);
  samples.Set(f.pool_connections, {service.name, service.ns, "pending"}, pool.now.pending);
  if (pool.lent == 0) return;
  samples.Set(f.pool_reuse_ratio, {service.name, service.ns},
              static_cast<double>(pool.reused) / static_cast<double>(pool.lent));
}

}  // namespace

void AddSamples(const Families& f, const AgentStatus& status, metrics::Samples& samples) {
  std::map<ServiceKey, ServicePool> pools;
  std::map<InstanceKey, engine::InstanceState> instances;
  for (const auto& [key, backend] : status.backends) {
    const auto& [backend_key, direction] = key;
    if (direction == engine::Direction::kInbound) {  // one application, no pool policy, no breaker
      if (backend.concurrency_limit > 0) {
        samples.Set(f.concurrency_limit,
                    {backend_key.service.name, backend_key.service.ns, std::to_string(backend_key.port)},
                    backend.concurrency_limit);
      }
      continue;
    }
    AddCircuit(f, backend_key, backend.circuit, samples);
    AddLearned(f, backend_key, backend, samples);
    NoteInstances(backend_key.service, backend, instances);
    ServicePool& pool = pools[backend_key.service];
    pool.now.active += backend.pool.active;
    pool.now.idle += backend.pool.idle;
    pool.now.pending += backend.pool.pending;
    const auto totals = status.totals.find(key);
    if (totals == status.totals.end()) continue;
    pool.lent += totals->second.lent;
    pool.reused += totals->second.reused;
  }
  for (const auto& [key, state] : instances) AddInstance(f, key, state, samples);
  for (const auto& [service, pool] : pools) AddPool(f, service, pool, samples);
  samples.Set(f.config_revision, {}, static_cast<double>(status.revision));
  samples.Set(f.generations, {}, static_cast<double>(status.generations));
}

void EjectionWatch::Observe(const engine::ServiceView& view,
                            const std::function<std::string(const BackendKey&, std::uint64_t)>& name) {
  std::map<std::pair<BackendKey, std::uint64_t>, TimePoint> ejected;
  for (const auto& [key, instances] : view.backends) {
    for (const engine::InstanceView& instance : instances) {
      if (instance.state != engine::InstanceState::kEjected) continue;
      const auto before = ejected_.find({key, instance.instance});
      ejected.emplace(std::pair{key, instance.instance}, instance.until);
      if (before != ejected_.end() && before->second == instance.until) continue;
      const std::string id = name(key, instance.instance);
      const std::array<std::string_view, 4> values = {key.service.name, key.service.ns, id, instance.cause};
      shard_.FindCounter(families_.ejections, values).Add();
    }
  }
  ejected_ = std::move(ejected);
  if (shard_.stale()) shard_.Acknowledge();  // no handle is kept
}

}  // namespace weft::report
