// What is learned of a service while it is well, and foreseen of it.
#include <algorithm>

#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

constexpr Duration kEvery = std::chrono::seconds(1);
constexpr double kMostShed = 0.20;
constexpr std::size_t kShareShedding = 10;  // of the services one at most, or one: more have a common cause

void Count(breaker::Foresight told, Duration lead, Backend::Foreseen& counts) {
  switch (told) {
    case breaker::Foresight::kHit:
      ++counts.hits;
      counts.lead += lead;
      break;
    case breaker::Foresight::kFalse: ++counts.wrong; break;
    case breaker::Foresight::kMissed: ++counts.missed; break;
    case breaker::Foresight::kRaised:
    case breaker::Foresight::kNothing: break;
  }
}

}  // namespace

// What an attempt may take: what is written, at most the breaker's slowResponse.
Duration Engine::Impl::AttemptLimit(const policy::ServicePolicy& policy) const {
  Duration limit = std::chrono::seconds(5);
  for (const Duration written : {policy.circuit_breaker.slow_response, policy.timeouts.attempt,
                                 policy.timeouts.request, policy.timeouts.response_head}) {
    if (written > Duration::zero()) limit = std::min(limit, written);
  }
  return limit;
}

bool Engine::Impl::IsWell(Backend& backend, TimePoint now) {
  const breaker::Sums& recent = backend.state->window.Slow(now);
  return backend.shared->circuit.Look().state == breaker::State::kClosed &&
         recent.mean() < backend.state->window.baseline().Theta(recent.requests) / 2;
}

// The logistic model, which only looks on.
void Engine::Impl::LetLearn(Backend& backend, TimePoint now) {
  Backend::State& state = *backend.state;
  const breaker::Predictor& seen = state.predictor;
  if (!state.pupil && !seen.ready()) return;
  if (!state.pupil) state.pupil = std::make_unique<breaker::Pupil>();
  const breaker::Foresight told =
      state.pupil->Look(learner, seen.features(), seen.ready(), seen.breach(), now);
  Count(told, state.pupil->lead(), backend.learned);
}

void Engine::Impl::LookAhead(Backend& backend, TimePoint now) {
  Backend::State& state = *backend.state;
  const policy::Mode mode = backend.policy->circuit_breaker.predict;
  if (mode == policy::Mode::kOff || now - state.looked < kEvery) return;
  state.looked = now;
  const breaker::Pulse pulse = std::exchange(state.pulse, {});
  const breaker::Foresight told =
      state.predictor.Look(pulse, backend.in_flight, AttemptLimit(*backend.policy), now);
  Count(told, state.predictor.lead(), backend.foreseen);
  LetLearn(backend, now);
  const bool before = state.shed > 0;
  const std::size_t most = std::max<std::size_t>(1, backends.size() / kShareShedding);
  const bool acts = mode == policy::Mode::kAct && state.predictor.risk() > 0 && !state.predictor.held_out() &&
                    (before || shedding < most);
  state.shed = acts ? kMostShed * state.predictor.risk() : 0;
  if (acts && !before) ++shedding;
}

}  // namespace weft::engine
