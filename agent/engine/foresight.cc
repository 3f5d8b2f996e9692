// What is learned of a service while it is well, and foreseen of it.
#include <algorithm>

#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

constexpr Duration kEvery = std::chrono::seconds(1);
constexpr double kMostShed = 0.20;
constexpr std::size_t kShareShedding = 10;  // of the services one at most, or one: more have a common cause

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

void Engine::Impl::LookAhead(Backend& backend, TimePoint now) {
  Backend::State& state = *backend.state;
  const policy::Mode mode = backend.policy->circuit_breaker.predict;
  if (mode == policy::Mode::kOff || now - state.looked < kEvery) return;
  state.looked = now;
  const breaker::Pulse pulse = std::exchange(state.pulse, {});
  switch (state.predictor.Look(pulse, backend.in_flight, AttemptLimit(*backend.policy), now)) {
    case breaker::Foresight::kHit:
      ++backend.foreseen.hits;
      backend.foreseen.lead += state.predictor.lead();
      break;
    case breaker::Foresight::kFalse: ++backend.foreseen.wrong; break;
    case breaker::Foresight::kMissed: ++backend.foreseen.missed; break;
    case breaker::Foresight::kRaised:
    case breaker::Foresight::kNothing: break;
  }
  const bool before = state.shed > 0;
  const std::size_t most = std::max<std::size_t>(1, backends.size() / kShareShedding);
  const bool acts = mode == policy::Mode::kAct && state.predictor.risk() > 0 && !state.predictor.held_out() &&
                    (before || shedding < most);
  state.shed = acts ? kMostShed * state.predictor.risk() : 0;
  if (acts && !before) ++shedding;
}

}  // namespace weft::engine
