// One attempt: which instance, and what its outcome says about the instance and about trying again.
//
// Two kinds of requests go where selection would not send them, so that suspicion ends soon one way or the
// other: a trial to an instance on probation, and a confirming request to one whose last attempt failed or
// whose recent ones failed too often for how few they were, at most one per 60 ms and never more than could
// complete the run of R1. A hanging instance would otherwise
// draw no traffic once its average is high, and never be ejected. Both take requests that can be repeated
// elsewhere while there are any, and their 5xx is followed by another attempt whether the policy lists it or
// not: who was sent there for our sake shall not pay for it. And one that has just refused a connection is
// passed over for a second.
#include <algorithm>

#include "agent/engine/impl.h"
#include "common/stats/log2.h"

namespace weft::engine {
namespace {

constexpr Duration kConfirmEvery = std::chrono::milliseconds(60);
constexpr double kDoubtful = 0.2;     // badness of an instance that fails now and then,
constexpr std::uint32_t kClear = 50;  // until so many recent requests tell
constexpr Duration kRefusedFor = std::chrono::seconds(1);
constexpr Duration kPatience = std::chrono::seconds(5);  // then any request may be a trial

using decision::Standing;

bool CanRepeat(const Call& call) {
  return call.retry->enabled && call.retry->attempts > 0 && call.origin.caller_attempt <= 1 &&
         (call.idempotency_key || message::IsIdempotent(call.method));
}

// A 5xx to a request that we sent on trial or to confirm a suspicion.
bool IsExperiment(const Call& call, std::uint16_t status) {
  const Standing standing = call.log[call.current].standing;
  return status >= 500 && (standing == Standing::kTrial || standing == Standing::kConfirming) &&
         CanRepeat(call);
}

Standing StandingOf(const Target& target, TimePoint now) {
  if (target.draining) return Standing::kDraining;
  if (target.node.weight == 0) return Standing::kDrained;
  switch (target.state) {
    case InstanceState::kUnhealthy: return Standing::kUnhealthy;
    case InstanceState::kEjected: return Standing::kEjected;
    case InstanceState::kProbing: return Standing::kProbing;
    case InstanceState::kHealthy:
    case InstanceState::kDegraded: break;
  }
  return Refuses(target, now) ? Standing::kRefused : Standing::kCompared;
}

// Instances that may be picked, or may be again in a moment.
template <class State>
std::size_t InReach(const State& state) {
  return state.pickable.size() + state.refusing;
}

}  // namespace

void Engine::Impl::Consider(Call& call, const Target& target, Standing standing, double score) {
  if (call.candidate_count == decision::kMostCandidates) return;
  call.candidates[call.candidate_count++] = {target.name, static_cast<std::uint8_t>(call.attempts), standing,
                                             static_cast<float>(score)};
}

Target* Engine::Impl::Pick(Call& call, TimePoint now, Reason& why) {
  Backend& backend = *call.backend;
  Standing standing = Standing::kPicked;
  Target* target = nullptr;
  if (call.attempts >= kMaxAttempts) {
    why = Reason::kNoHealthyInstances;
    return nullptr;
  }
  if (backend.inbound) {
    const net::Address& application = call.origin.application;
    target = ApplicationTarget(backend, application.port != 0 ? application : call.origin.original);
  } else {
    Backend::State& state = *backend.state;
    if (call.attempts == 0 && !state.probing.empty()) target = PickTrial(call, now);
    if (target != nullptr) standing = Standing::kTrial;
    if (target == nullptr && call.attempts == 0 && !state.suspects.empty()) {
      target = PickSuspect(call, now);
      if (target != nullptr) standing = Standing::kConfirming;
    }
    if (target == nullptr) target = PickBest(call, now);
    if (standing != Standing::kPicked) Consider(call, *target, standing, 0);
  }
  if (target == nullptr) {
    const bool none =
        std::all_of(backend.targets.begin(), backend.targets.end(), [](const auto& t) { return t->removed; });
    why = none ? Reason::kNoInstances : Reason::kNoHealthyInstances;
    return nullptr;
  }
  call.target = target;
  call.current = call.attempts;
  AttemptRecord& attempt = call.log[call.attempts++];
  attempt = {};
  attempt.target = target;
  attempt.started = now;
  attempt.standing = standing;
  ++target->node.in_flight;
  if (backend.state->hedging) ArmHedge(call, now);
  if (call.timeouts->adaptive != policy::Mode::kOff && !backend.inbound) AdaptTimeout(call);
  return target;
}

void Engine::Impl::AdaptTimeout(Call& call) {
  Backend& backend = *call.backend;
  const Duration limit = backend.state->timeout.Limit(AttemptLimit(*backend.policy));
  backend.adaptive_timeout = limit;
  call.adaptive_timeout = call.timeouts->adaptive == policy::Mode::kAct ? limit : Duration::zero();
  call.seen.adaptive_timeout = static_cast<float>(static_cast<double>(limit.count()) / 1e6);
}

void Engine::Impl::LearnTimeout(Call& call, const AttemptResult& result, Duration took, TimePoint now) {
  Backend& backend = *call.backend;
  const bool timed_out =
      result.outcome == Outcome::kHeadTimeout || result.outcome == Outcome::kAttemptTimeout;
  if (!timed_out && result.outcome != Outcome::kResponse) return;
  const Duration limit = backend.adaptive_timeout;
  if (limit > Duration::zero() && (timed_out || took > limit)) ++backend.beyond_timeout;
  if (IsWell(backend, now)) backend.state->timeout.Observe(took, timed_out, now);
}

Target* Engine::Impl::PickTrial(Call& call, TimePoint now) {
  Backend::State& state = *call.backend->state;
  Target* target = state.probing[state.next_probe++ % state.probing.size()];
  Target::Health& health = HealthOf(*target);
  if (state.pickable.empty() || (!CanRepeat(call) && now - health.confirmed < kPatience)) return nullptr;
  if (!target->shared->trials.TryTake(1)) return nullptr;
  health.confirmed = now;
  return target;
}

Target* Engine::Impl::PickSuspect(Call& call, TimePoint now) {
  if (!CanRepeat(call) || InReach(*call.backend->state) < 2) return nullptr;
  const std::uint32_t wanted = call.backend->policy->outlier_detection.consecutive_failures;
  for (Target* target : call.backend->state->suspects) {
    Target::Health& health = *target->health;
    if (now - health.confirmed < kConfirmEvery || health.confirming + health.run > wanted) continue;
    health.confirmed = now;
    ++health.confirming;
    return target;
  }
  return nullptr;
}

// Index into `pickable`, as are those of `considered`. A retry may go anywhere. The default comes first: it
// shall cost nothing that there are others.
std::size_t Engine::Impl::Choose(Call& call, select::Excluded tried, Rng& rng, TimePoint now,
                                 select::Considered& considered) {
  Backend::State& state = *call.backend->state;
  const policy::LoadBalancer& policy = call.backend->policy->load_balancer;
  if (state.plain && now >= state.warm_until)
    return select::Pick(policy.policy, state.set, tried, rng, now, considered);
  if (!state.table.empty()) {
    const std::uint64_t key = call.hash_key != 0 ? call.hash_key : rng.Next(Purpose::kSelect);
    return state.table.Pick(state.set, key, policy.load_factor, call.backend->in_flight, tried, considered);
  }
  return ChooseInLevel(call, tried, rng, now, considered);
}

std::size_t Engine::Impl::ChooseInLevel(Call& call, select::Excluded tried, Rng& rng, TimePoint now,
                                        select::Considered& considered) {
  Backend::State& state = *call.backend->state;
  const policy::LoadBalancer& policy = call.backend->policy->load_balancer;
  const select::Set* set = &state.set;
  std::size_t offset = 0;
  if (state.by_level && tried.empty()) {
    std::uint64_t draw = rng.Below(Purpose::kSelect, 100);
    std::size_t level = 0;
    for (; level + 1 < select::kLevels && draw >= state.shares[level]; ++level) {
      draw -= state.shares[level];
      offset += state.levels[level].size();
    }
    set = &state.levels[level];
    call.seen.level = static_cast<std::uint8_t>(level + 1);
  }
  std::size_t at = select::kNone;
  for (int tries = 0; tries < 2; ++tries) {
    at = select::kNone;
    considered = {};
    if (policy.policy == policy::Balancer::kHotCold)
      at = state.hot_cold.Pick(*set, tried, rng, now, considered);
    if (at == select::kNone) at = select::Pick(policy.policy, *set, tried, rng, now, considered);
    if (at == select::kNone || state.warm_until <= now) break;
    if (select::IsWarm((*set)[at], policy.slow_start, rng, now)) break;
  }
  for (std::size_t* index : {&at, &considered.first, &considered.second}) {
    if (*index != select::kNone) *index += offset;
  }
  return at;
}

Target* Engine::Impl::PickBest(Call& call, TimePoint now) {
  Backend::State& state = *call.backend->state;
  std::array<const select::Node*, kMaxAttempts> tried;
  for (std::uint32_t i = 0; i < call.attempts; ++i) tried[i] = &call.log[i].target->node;
  Rng rng(settings.seed, std::uint64_t{settings.worker} << 48 | call.number,
          std::uint64_t{call.attempts} * 64);
  select::Considered considered;
  const std::size_t at = Choose(call, {tried.data(), call.attempts}, rng, now, considered);
  call.seen.panic = state.panic;
  if (at != select::kNone) {
    const bool first = at == considered.first;
    Consider(call, *state.pickable[at], Standing::kPicked,
             first ? considered.first_score : considered.second_score);
    const std::size_t other = first ? considered.second : considered.first;
    if (other != select::kNone) {
      Consider(call, *state.pickable[other], Standing::kCompared,
               first ? considered.second_score : considered.first_score);
    }
  }
  for (std::uint32_t i = 0; i < call.attempts; ++i) Consider(call, *call.log[i].target, Standing::kTried, 0);
  if (!state.all_pickable) {
    for (const auto& target : call.backend->targets) {
      const Standing standing = StandingOf(*target, now);
      if (!target->removed && standing != Standing::kCompared) Consider(call, *target, standing, 0);
    }
  }
  return at == select::kNone ? nullptr : state.pickable[at];
}

bool Engine::Impl::Retriable(const Call& call, std::uint16_t status, int grpc) const {
  if (call.backend->inbound || (status < 400 && call.retry->codes.empty())) return false;
  return IsExperiment(call, status) || retry::Listed(*call.retry, retry::Kind::kResponse, status, grpc);
}

RetryVerdict Engine::Impl::Ended(Call& call, const AttemptResult& result, TimePoint now) {
  Backend& backend = *call.backend;
  AttemptRecord& attempt = call.log[call.current];
  attempt.ended = now;
  attempt.result = result;
  Target& target = *std::exchange(call.target, nullptr);
  --target.node.in_flight;
  if (backend.inbound) return {};

  retry::Verdict verdict{false, false, {}, "ok"};
  const bool failed = result.outcome != Outcome::kResponse || Retriable(call, result.status, result.grpc);
  if (failed && call.hedge != nullptr) {
    verdict.why = "hedged";
    Promote(call);
  } else if (failed) {
    retry::Situation s;
    s.kind = KindOf(result.outcome);
    s.status = result.status;
    s.grpc = result.grpc;
    s.method = call.method;
    s.idempotency_key = call.idempotency_key;
    s.never_sent = result.never_sent;
    s.reused_connection = result.reused_connection;
    s.stale_used = call.stale_used;
    s.committed = result.committed;
    s.replayable = result.replayable;
    s.breaker_open = backend.policy->circuit_breaker.enabled &&
                     backend.shared->circuit.Look().state == breaker::State::kOpen;
    s.experiment = result.outcome == Outcome::kResponse && IsExperiment(call, result.status);
    s.other_hosts = InReach(*backend.state) > call.attempts;
    s.retries = call.retries;
    s.caller_attempt = call.origin.caller_attempt;
    s.retry_after = result.retry_after;
    s.remaining = call.deadline.Remaining(now);
    Rng rng(settings.seed, std::uint64_t{settings.worker} << 48 | call.number,
            std::uint64_t{call.attempts} * 64 + 32);
    verdict = retry::Decide(*call.retry, s, backend.state->budget, rng, now);
    if (verdict.retry && call.attempts >= kMaxAttempts) verdict = {false, false, {}, "attempts"};
    call.stale_used |= verdict.fresh;
    if (verdict.retry && !verdict.fresh) ++call.retries;
  }
  attempt.retry_why = verdict.why;
  LearnFrom(call, attempt, verdict.fresh, now);
  return {verdict.retry, verdict.fresh, verdict.delay, verdict.why};
}

// A good trial makes room for the next one; a bad one is the last until a view says what follows from it.
void Engine::Impl::EndTrial(Target& target, bool failed) {
  if (failed && target.state == InstanceState::kProbing) {
    target.health->failed_trial = true;
  } else {
    target.shared->trials.Return();
  }
}

void Engine::Impl::NoteRefused(Backend& backend, Target& target, TimePoint now) {
  const bool known = target.health->refused_until > now;
  target.health->refused_until = now + kRefusedFor;
  if (known || target.application) return;
  ++backend.state->refusing;
  backend.state->looked_at_refusals = now;
  Rebuild(backend);
}

// Those whose second is over are asked again. At each tick.
void Engine::Impl::TakeBackRefusing(Backend& backend, TimePoint now) {
  const bool over = std::any_of(backend.targets.begin(), backend.targets.end(), [&](const auto& target) {
    const TimePoint until = target->health ? target->health->refused_until : TimePoint{};
    return until > backend.state->looked_at_refusals && until <= now;
  });
  if (!over) return;
  backend.state->looked_at_refusals = now;
  Rebuild(backend);
}

// A stale connection says nothing about the instance: it closed an idle connection as it may.
void Engine::Impl::LearnFrom(Call& call, AttemptRecord& attempt, bool stale, TimePoint now) {
  auto& target = const_cast<Target&>(*attempt.target);
  Target::Health& health = HealthOf(target);
  const AttemptResult& result = attempt.result;
  const Duration took = (result.head_at == TimePoint{} ? now : result.head_at) - attempt.started;
  const Weight weight = stale ? Weight{} : WeighAttempt(result, took, call.backend->policy->circuit_breaker);
  if (attempt.standing == Standing::kConfirming) --health.confirming;
  const bool failed = weight.counts && weight.points >= 1;
  if (attempt.standing == Standing::kTrial) EndTrial(target, failed);
  if (call.backend->state->hedging) LearnHedging(call, attempt, took, now);
  if (!weight.counts) return;

  if (call.timeouts->adaptive != policy::Mode::kOff) LearnTimeout(call, result, took, now);
  if (result.outcome == Outcome::kResponse && (result.status == 429 || result.status == 503)) {
    target.node.ObserveOverload(took, result.retry_after, now);
  } else if (weight.points > 1) {
    target.node.ObserveFailure(took, now);
  } else {
    target.node.ObserveSuccess(took, now);
  }
  if (result.load.said) {
    call.backend->state->hot_cold.Heard(target.node, result.load.in_flight, result.load.latency, now);
  }
  if (weight.points > 1) select::HotCold::Failed(target.node, now);
  health.told = false;
  if (attempt.standing == Standing::kTrial) {
    ++(failed ? health.since_tick.trials_failed : health.since_tick.trials_passed);
    return;
  }
  const health::Badness badness{weight.points, weight.points * weight.points, 1};
  health.recent.Add(now, badness);
  health.since_tick.badness += badness;
  if (weight.points <= 1)
    health.since_tick.speed += health::Speed{stats::Log2(static_cast<std::uint64_t>(took.count())), 1};
  if (!failed) {
    health.run = 0;
  } else {
    if (health.run++ == 0) health.run_began = now;
    if (result.outcome == Outcome::kConnectFailed) NoteRefused(*call.backend, target, now);
  }
  const health::Badness& recent = health.recent.Total(now);
  const bool unclear = recent.requests < kClear && recent.mean() >= kDoubtful;
  const bool offered = !target.removed && !target.draining && target.node.weight > 0;
  const bool in_service =
      offered && (target.state == InstanceState::kHealthy || target.state == InstanceState::kDegraded);
  const bool suspect = in_service && (failed || unclear);
  if (suspect == health.suspect) return;
  health.suspect = suspect;
  if (suspect) {
    call.backend->state->suspects.push_back(&target);
  } else {
    std::erase(call.backend->state->suspects, &target);
  }
}

}  // namespace weft::engine
