// What this worker tells the others.
#include <algorithm>

#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

InstanceDelta TakeDelta(Target& target) {
  Target::Health& health = *target.health;
  const health::Evidence evidence = std::exchange(health.since_tick, {});
  health.told = true;
  InstanceDelta delta;
  delta.instance = target.hash;
  delta.requests = evidence.badness.requests;
  delta.points = evidence.badness.points;
  delta.squares = evidence.badness.squares;
  delta.logs = evidence.speed.logs;
  delta.answers = evidence.speed.answers;
  delta.consecutive = health.run;
  delta.first_of_run = health.run_began;
  delta.passed_checks = evidence.passed_checks;
  delta.failed_checks = evidence.failed_checks;
  delta.slow_checks = evidence.slow_checks;
  delta.probe_passed = evidence.trials_passed;
  delta.probe_failed = evidence.trials_failed;
  return delta;
}

}  // namespace

WorkerDelta Engine::Impl::Tick(TimePoint now) {
  WorkerDelta delta{settings.worker, now, {}};
  ticked = now;
  ForgetUnused(now);
  shedding = static_cast<std::size_t>(std::count_if(
      backends.begin(), backends.end(), [](const auto& backend) { return backend->state->shed > 0; }));
  for (const auto& backend : backends) {
    if (backend->inbound) continue;
    Backend::State& state = *backend->state;
    LookAhead(*backend, now);
    if (state.refusing > 0) TakeBackRefusing(*backend, now);
    backend->threshold = state.window.Threshold(backend->policy->circuit_breaker, now);
    BackendDelta said;
    for (const auto& target : backend->targets) {
      if (target->health && !target->health->told) said.instances.push_back(TakeDelta(*target));
    }
    if (said.instances.empty() && state.since_tick.requests == 0) continue;
    said.backend = backend->key;
    said.generation = state.since_generation;
    said.points = state.since_tick.all;
    said.points_4xx = state.since_tick.of_4xx;
    said.squares = state.since_tick.squares;
    said.requests = state.since_tick.requests;
    state.since_tick = {};
    delta.backends.push_back(std::move(said));
  }
  return delta;
}

Recent Engine::RecentOf(const Target& target) const {
  const health::Badness recent = RecentBadness(target, impl_->ticked);
  Recent out{recent.points, recent.requests, Duration::zero()};
  if (target.node.stamp != TimePoint{})
    out.latency = Duration(static_cast<std::int64_t>(target.node.Cost(impl_->ticked)));
  return out;
}

void Engine::Impl::Checked(Target& target, bool passed, Duration took) {
  Target::Health& health = HealthOf(target);
  health::Evidence& evidence = health.since_tick;
  health.told = false;
  ++(passed ? evidence.passed_checks : evidence.failed_checks);
  if (passed && took > target.backend->policy->health_check.max_response_time) ++evidence.slow_checks;
}

}  // namespace weft::engine
