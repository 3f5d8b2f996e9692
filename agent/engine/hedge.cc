// The attempt beside a slow one. agent/retry/hedging.h says when there is one; here it is picked, and what is
// learned from both. While it runs, `target` and `current` are of the first, `hedge` and `hedge_at` of the
// second; when the first ends and the second does not, the second becomes the current one.
#include "agent/engine/impl.h"
#include "common/stats/log2.h"

namespace weft::engine {

// After a pick.
void Engine::Impl::ArmHedge(Call& call, TimePoint now) {
  retry::Hedging& hedging = *call.backend->state->hedging;
  const policy::Hedging& policy = call.backend->policy->hedging;
  call.hedge_after = Duration::zero();
  if (call.attempts > 1) return hedging.Retried(now);
  hedging.Asked(policy, now);
  const bool repeatable = call.idempotency_key || message::IsIdempotent(call.method);
  if (!repeatable || call.origin.caller_attempt > 1) return;
  call.hedge_after = hedging.Delay(policy, now);
  call.seen.hedge_delay = static_cast<float>(static_cast<double>(call.hedge_after.count()) / 1e6);
}

Target* Engine::Impl::Hedge(Call& call, TimePoint now) {
  Backend& backend = *call.backend;
  Backend::State& state = *backend.state;
  if (!state.hedging || call.target == nullptr || call.hedge != nullptr || call.attempts >= kMaxAttempts)
    return nullptr;
  retry::Hedging::Situation s;
  s.closed = !backend.policy->circuit_breaker.enabled ||
             backend.shared->circuit.Look().state == breaker::State::kClosed;
  s.foreseen = state.shed > 0;
  s.other_hosts = state.pickable.size() > call.attempts;
  const retry::Hedging::Verdict verdict = state.hedging->Decide(s, *call.retry, state.budget, now);
  call.seen.hedge = verdict.why;
  if (!verdict.send) return nullptr;
  call.hedge = PickBest(call, now);
  if (call.hedge == nullptr) {
    call.seen.hedge = "no_other_instance";
    return nullptr;
  }
  call.hedge_at = call.attempts;
  AttemptRecord& attempt = call.log[call.attempts++];
  attempt = {};
  attempt.target = call.hedge;
  attempt.started = now;
  ++call.hedge->node.in_flight;
  return call.hedge;
}

void Engine::Impl::HedgeEnded(Call& call, const AttemptResult& result, TimePoint now) {
  AttemptRecord& attempt = call.log[call.hedge_at];
  attempt.ended = now;
  attempt.result = result;
  attempt.retry_why = "hedge";
  --std::exchange(call.hedge, nullptr)->node.in_flight;
  LearnFrom(call, attempt, result.outcome == Outcome::kReset && result.reused_connection, now);
}

void Engine::Impl::Promote(Call& call) {
  call.target = std::exchange(call.hedge, nullptr);
  call.current = call.hedge_at;
}

void Engine::Impl::LearnHedging(Call& call, const AttemptRecord& attempt, Duration took, TimePoint now) {
  retry::Hedging& hedging = *call.backend->state->hedging;
  const AttemptResult& result = attempt.result;
  if (result.load.said) hedging.Heard(result.load.in_flight, result.load.limit);
  const bool timed_out =
      result.outcome == Outcome::kAttemptTimeout || result.outcome == Outcome::kHeadTimeout;
  const bool outrun = result.outcome == Outcome::kOutrun;
  if (outrun) LearnOutrun(attempt, took, now);
  const bool tells = timed_out || outrun || result.outcome == Outcome::kResponse;
  if (&attempt == call.log.data() && tells) hedging.Observe(took, now);
}

// How long it would have taken nobody knows; longer than this.
void Engine::Impl::LearnOutrun(const AttemptRecord& attempt, Duration took, TimePoint now) {
  auto& target = const_cast<Target&>(*attempt.target);
  target.node.ObserveAtLeast(took, now);
  Target::Health& health = HealthOf(target);
  health.told = false;
  health.since_tick.speed += health::Speed{stats::Log2(static_cast<std::uint64_t>(took.count())), 1};
}

}  // namespace weft::engine
