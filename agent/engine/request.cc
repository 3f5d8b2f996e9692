// A request's beginning and end: route, limit, breaker; and what its outcome teaches.
#include <algorithm>
#include <cstring>

#include "agent/engine/hash_key.h"
#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

constexpr double kMostShare =
    0.7;  // of the badness in the worst 30 % of the instances: their fault, not the service's
constexpr double kRestBadness = 0.15;

// Requests of different workers never share a stream of random numbers.
constexpr std::uint64_t kWorkerStride = std::uint64_t{1} << 48;
constexpr std::uint64_t kShedIndex = 1 << 20;

void TakeRule(Call& call, const route::Decision& decided, const ServiceRoutes& routes) {
  call.route = decided.route;
  call.rule = decided.rule;
  call.backend_ref = decided.backend_ref;
  call.match_index = decided.match_index;
  call.retry = &decided.rule->retry;
  call.timeouts = &decided.rule->timeouts;
  const ServiceRoutes::Rule& rule = routes.rules.find(decided.rule)->second;
  call.route_name = rule.route;
  call.rule_name = rule.name;
  if (rule.sources != decision::kNoName) call.sources = rule.sources;
}

Duration UntilHead(const Call& call, TimePoint now) {
  if (call.attempts == 0) return now - call.started;
  const TimePoint head = call.log[call.current].result.head_at;
  return (head == TimePoint{} ? now : head) - call.started;
}

decision::Attempt AttemptOf(const Call& call, const AttemptRecord& a) {
  return {a.target->name,
          a.result.status,
          (a.started - call.started).count(),
          (a.ended - a.started).count(),
          ToString(a.result.outcome),
          a.retry_why,
          a.result.reason};
}

}  // namespace

Verdict Engine::Impl::Start(Call& call, const Origin& origin, const message::RequestHead& head,
                            TimePoint now) {
  call.number = ++calls;
  call.started = now;
  call.origin = origin;
  call.method = head.method;
  call.idempotency_key = head.fields.Find(message::FieldId::kIdempotencyKey) != nullptr;
  call.deadline = origin.caller_deadline;
  call.deadline_is_callers = !origin.caller_deadline.never();
  if (origin.direction == Direction::kInbound) {
    call.backend = InboundBackendOf(origin);
    call.retry = &call.backend->policy->retry;
    call.timeouts = &call.backend->policy->timeouts;
    call.seen.in_flight = ++call.backend->in_flight;
    if (call.backend->inbound_mtls == policy::Mtls::kStrict && origin.caller == nullptr)
      return {Action::kAnswer, Reason::kPlaintextRefused};
    if (origin.place == Place::kRefused) {
      call.seen.rate_limit = log.names().Intern("connectionsPerAddress");
      return {Action::kAnswer, Reason::kRateLimited};
    }
    return call.backend->state->guarded ? Limit(call, head, now) : Verdict{Action::kForward, Reason::kOk};
  }
  const Verdict routed = Route(call, head, now);
  if (call.backend == nullptr) return routed;
  call.seen.in_flight = ++call.backend->in_flight;
  if (!call.backend->state->table.empty())
    call.hash_key = HashKeyOf(call.backend->policy->load_balancer, origin, head);
  return routed.action == Action::kForward ? Admit(call, now) : routed;
}

Verdict Engine::Impl::Route(Call& call, const message::RequestHead& head, TimePoint now) {
  const Resolved resolved = Resolve(call.origin, head.authority);
  if (resolved.reason != Reason::kOk) {
    const bool pass = call.origin.allow_passthrough && resolved.reason == Reason::kUnknownService;
    return {pass ? Action::kPassthrough : Action::kAnswer, resolved.reason};
  }
  call.generation = current;
  ++call.generation->calls;
  call.service = resolved.service;
  call.service_port = resolved.port;
  call.sources = resolved.backend->state->sources;
  call.retry = &resolved.service->bundle->policy.retry;
  call.timeouts = &resolved.service->bundle->policy.timeouts;
  const std::uint64_t number = settings.worker * kWorkerStride + call.number;
  const route::Decision decided = Decide(call.origin, resolved, head, number);
  call.backend = resolved.backend;
  if (decided.rule != nullptr) TakeRule(call, decided, *resolved.routes);
  if (decided.action == route::Action::kAnswer) return {Action::kAnswer, decided.reason};
  if (decided.action == route::Action::kRedirect) return {Action::kRedirect, Reason::kOk};
  if (call.backend_ref != nullptr) {
    Backend* chosen = resolved.routes->backends.find(call.backend_ref)->second;
    if (chosen == nullptr) return {Action::kAnswer, Reason::kNoBackend};
    call.backend = chosen;
  }
  const Deadline own = Deadline::After(now, call.timeouts->request);
  if (own < call.deadline) {
    call.deadline = own;
    call.deadline_is_callers = false;
  }
  return {Action::kForward, Reason::kOk};
}

route::Decision Engine::Impl::Decide(const Origin& origin, const Resolved& resolved,
                                     const message::RequestHead& head, std::uint64_t number) const {
  if (origin.direct) return {};
  const route::Table& table = *resolved.routes->table;
  const bool connect = head.method == message::Method::kConnect;
  if (origin.wire == policy::RouteKind::kHttp && !connect)
    return table.Match(head, resolved.port, number, settings.seed);
  const std::string_view name = origin.wire == policy::RouteKind::kTls ? head.authority : std::string_view();
  return table.MatchStream(origin.wire, name, resolved.port, number, settings.seed);
}

// Inbound: what rateLimits and concurrency of the own service leave.
Verdict Engine::Impl::Limit(Call& call, const message::RequestHead& head, TimePoint now) {
  const Backend::State& state = *call.backend->state;
  if (state.rate_limits) {
    const auto key_of = [&](const policy::RateLimit& limit) -> std::optional<std::uint64_t> {
      const std::uint64_t seed = shared.seed();
      if (limit.per == policy::RateKey::kAddress) return KeyedHash(BytesOf(call.origin.peer.ip), seed);
      if (limit.per == policy::RateKey::kCaller) return CallerKeyOf(call.origin, seed);
      const message::Field* field = head.fields.Find(std::string_view(limit.header));
      return field == nullptr ? std::nullopt : std::optional(KeyedHash(field->value, seed));
    };
    const limit::RateVerdict verdict = state.rate_limits->Take(head.path(), now, key_of);
    if (verdict.refused != nullptr) {
      call.seen.rate_limit = log.names().Intern(verdict.refused->name);
      call.retry_after = verdict.taken.retry_after;
      call.quota = {verdict.refused->burst, verdict.taken.reset};
      return {Action::kAnswer, Reason::kRateLimited};
    }
  }
  if (state.per_caller > 0 && !TakeCaller(call)) {
    call.seen.bulkhead = "caller";
    call.retry_after = std::chrono::seconds(1);
    return {Action::kAnswer, Reason::kBulkhead};
  }
  if (state.concurrency.limiter == policy::Limiter::kOff) return {Action::kForward, Reason::kOk};
  return TakePlace(call, head);
}

bool Engine::Impl::TakeCaller(Call& call) {
  call.caller_key = CallerKeyOf(call.origin, shared.seed());
  if (!call.backend->shared->callers.TryTake(call.caller_key, call.backend->state->per_caller)) return false;
  call.holds |= kHoldsCaller;
  return true;
}

Verdict Engine::Impl::TakePlace(Call& call, const message::RequestHead& head) {
  const policy::Concurrency& policy = call.backend->state->concurrency;
  limit::Priority priority = limit::Priority::kCritical;
  if (!policy.priority_header.empty()) {
    const message::Field* field = head.fields.Find(std::string_view(policy.priority_header));
    priority = field == nullptr ? limit::Priority::kDefault : limit::PriorityOf(field->value);
  }
  limit::Concurrency& limiter = call.backend->shared->concurrency;
  const bool entered = limiter.TryEnter(policy, priority);
  call.seen.concurrency_limit = limiter.limit();
  if (entered) call.holds |= kHoldsPlace;
  if (entered) return {Action::kForward, Reason::kOk};
  call.retry_after = std::chrono::seconds(1);
  return {Action::kAnswer, Reason::kConcurrency};
}

Verdict Engine::Impl::Admit(Call& call, TimePoint now) {
  Backend& backend = *call.backend;
  if (call.deadline.Passed(now)) {
    return {Action::kAnswer, call.deadline_is_callers ? Reason::kCallerDeadline : Reason::kRequestTimeout};
  }
  if (backend.state->capped) {
    if (const Reason full = TakeCaps(call); full != Reason::kOk) return {Action::kAnswer, full};
  }
  const policy::CircuitBreaker& breaker = backend.policy->circuit_breaker;
  if (breaker.enabled) {
    const breaker::Admission admission = backend.shared->circuit.Admit(breaker, call.timeouts->attempt, now);
    call.breaker_permit = admission.permit;
    if (admission.state != breaker::State::kClosed) NoteAdmission(call, admission, now);
    if (admission.permit == 0) return {Action::kAnswer, Reason::kBreakerOpen};
  }
  if (backend.state->shed > 0) {
    Rng rng(settings.seed, settings.worker * kWorkerStride + call.number, kShedIndex);
    call.seen.risk = static_cast<float>(backend.state->predictor.risk());
    if (rng.Unit(Purpose::kShed) < backend.state->shed) return {Action::kAnswer, Reason::kShed};
  }
  backend.state->budget.Deposit(*call.retry);
  return {Action::kForward, Reason::kOk};
}

// By a circuit that is not closed.
void Engine::Impl::NoteAdmission(Call& call, const breaker::Admission& admission, TimePoint now) {
  call.seen.breaker = breaker::ToString(admission.state);
  call.seen.breaker_trial = admission.state != breaker::State::kRecovering && admission.permit != 0;
  call.seen.ramp = static_cast<std::uint8_t>(call.backend->shared->circuit.RampPercent(now));
  call.retry_after = admission.retry_after;
}

Reason Engine::Impl::TakeCaps(Call& call) {
  const std::uint32_t most = call.backend->policy->connection_pool.max_requests;
  if (most > 0) {
    if (!call.backend->shared->requests.TryTake(most)) return Reason::kRequestOverflow;
    call.holds |= kHoldsRequest;
  }
  const std::uint32_t per_route = call.service->bundle->policy.bulkheads.per_route;
  const auto routes = call.generation->routes.find(call.service);
  if (per_route == 0 || call.origin.direct || routes == call.generation->routes.end()) return Reason::kOk;
  const ServiceRoutes& of = *routes->second;
  call.route_cap = (call.rule == nullptr ? of.cap : of.rules.find(call.rule)->second.cap).get();
  if (call.route_cap->TryTake(per_route)) {
    call.holds |= kHoldsRoute;
    return Reason::kOk;
  }
  call.seen.bulkhead = "route";
  call.retry_after = std::chrono::seconds(1);
  return Reason::kBulkhead;
}

void Engine::Impl::ReturnAll(Call& call, Reason reason, std::uint16_t status, TimePoint now) {
  SharedBackend& shared_backend = *call.backend->shared;
  if ((call.holds & kHoldsPlace) != 0) LeavePlace(call, reason, status, now);
  if ((call.holds & kHoldsCaller) != 0) shared_backend.callers.Return(call.caller_key);
  if ((call.holds & kHoldsRequest) != 0) shared_backend.requests.Return();
  if ((call.holds & kHoldsRoute) != 0) call.route_cap->Return();
  call.holds = 0;
}

void Engine::Impl::Finish(Call& call, Reason reason, std::uint16_t status, TimePoint now) {
  if (call.target != nullptr) {  // The exchange gave up in the middle of an attempt.
    AttemptResult cut;
    cut.outcome = reason == Reason::kCallerDeadline   ? Outcome::kCallerDeadline
                  : reason == Reason::kRequestTimeout ? Outcome::kRequestTimeout
                                                      : Outcome::kClientClosed;
    cut.reason = reason;
    if (call.hedge != nullptr) HedgeEnded(call, cut, now);
    Ended(call, cut, now);
  }
  if (call.backend != nullptr) {
    Backend& backend = *call.backend;
    if (!backend.inbound) FeedBreaker(call, reason, now);
    if (backend.inbound && call.attempts > 0) {
      backend.state->latency += (UntilHead(call, now) - backend.state->latency) / 8;
    }
    if (call.holds != 0) ReturnAll(call, reason, status, now);
  }
  if (!call.origin.direct) WriteRecord(call, reason, status, now);
  if (call.backend != nullptr) --call.backend->in_flight;
  call.backend = nullptr;
  if (call.generation == nullptr) return;
  if (--call.generation->calls == 0 && !call.generation->current) ReleaseGenerations();
  call.generation = nullptr;
}

// Its time counts until the head: what follows is the client's pace. A stream's says nothing.
void Engine::Impl::LeavePlace(Call& call, Reason reason, std::uint16_t status, TimePoint now) {
  const bool counts = call.attempts > 0 && status != 101 && reason != Reason::kClientClosed &&
                      reason != Reason::kCallerDeadline;
  const bool dropped = status == 429 || status == 503 || reason != Reason::kOk;
  call.backend->shared->concurrency.Leave(call.backend->state->concurrency, UntilHead(call, now), dropped,
                                          counts, now);
}

void Engine::Impl::FeedBreaker(Call& call, Reason reason, TimePoint now) {
  Backend& backend = *call.backend;
  Backend::State& state = *backend.state;
  const policy::CircuitBreaker& policy = backend.policy->circuit_breaker;
  breaker::Circuit& circuit = backend.shared->circuit;
  const breaker::Permit permit = std::exchange(call.breaker_permit, 0);
  if (permit == 0) return;
  const AttemptResult last = call.attempts == 0 ? AttemptResult{} : call.log[call.current].result;
  const Duration took = UntilHead(call, now);
  const Weight weight = WeighFinal(last, reason, took, policy);
  if (!weight.counts) {
    circuit.Return(permit);
    return;
  }
  circuit.Record(permit, weight.is_4xx ? 0 : weight.points, policy, now);
  const breaker::View now_is = circuit.Look();
  call.seen.breaker_generation = now_is.generation;
  const bool flows = now_is.state == breaker::State::kClosed || now_is.state == breaker::State::kRecovering;
  if (!flows || now_is.generation != breaker::Circuit::GenerationOf(permit)) return;
  if (policy.predict != policy::Mode::kOff) {
    ++state.pulse.requests;
    state.pulse.latency += static_cast<double>(took.count());
    state.pulse.points += weight.points;
    state.pulse.lost += weight.hard;
  }
  state.window.Add(now_is.generation, weight.points, weight.is_4xx, weight.hard, now);
  if (state.since_generation != now_is.generation) {
    state.since_tick = {};
    state.since_generation = now_is.generation;
  }
  state.since_tick +=
      breaker::Points{weight.points, weight.is_4xx ? weight.points : 0, 1, weight.points * weight.points};
  const breaker::Sums slow = state.window.Slow(now);
  call.seen.breaker_points = static_cast<float>(slow.all);
  call.seen.breaker_requests = slow.requests;
  call.seen.breaker_threshold = static_cast<float>(backend.threshold);
  if (weight.points == 0 || state.window.Evaluate(policy, now) == breaker::Trip::kNo) return;
  if (!Concentrated(backend, now)) circuit.Trip(now_is.generation, policy, now);
}

// Whether the worst 30 % of the instances have 70 % of the badness and the others are clean: then ejecting
// them is the remedy and opening the circuit would punish the rest. (resilience.md 1.8)
bool Engine::Impl::Concentrated(Backend& backend, TimePoint now) {
  if (!backend.policy->outlier_detection.enabled) return false;
  std::vector<double>& points = backend.state->scratch;
  points.clear();
  double sum = 0;
  for (const auto& target : backend.targets) {
    if (target->removed) continue;
    const health::Badness recent = RecentBadness(*target, now);
    points.push_back(recent.points);
    sum += recent.points;
  }
  if (points.size() < 2 || sum == 0) return false;
  const std::size_t worst = (points.size() * 3 + 9) / 10;
  std::partial_sort(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(worst), points.end(),
                    std::greater<>());
  double theirs = 0;
  for (std::size_t i = 0; i < worst; ++i) theirs += points[i];
  std::uint32_t others = 0;
  for (const auto& target : backend.targets) {
    const health::Badness recent = RecentBadness(*target, now);
    if (!target->removed && recent.points < points[worst - 1]) others += recent.requests;
  }
  return theirs >= kMostShare * sum && others > 0 && sum - theirs < kRestBadness * others;
}

void Engine::Impl::WriteRecord(const Call& call, Reason reason, std::uint16_t status, TimePoint now) {
  const decision::Log::Space space = log.Make(call.attempts, call.candidate_count);
  if (space.record == nullptr) return;
  decision::Record& record = *space.record;
  record.id_size = static_cast<std::uint8_t>(std::min(call.request_id.size(), decision::kIdSize));
  std::copy_n(call.request_id.data(), record.id_size, record.id.data());
  record.inbound = call.origin.direction == Direction::kInbound;
  record.reason = reason;
  record.status = status;
  record.caller_attempt = call.origin.caller_attempt;
  if (call.backend != nullptr) {
    const Backend::State& state = *call.backend->state;
    record.service = state.service_name;
    record.backend = state.name;
    record.seen = call.seen;
    record.seen.budget = static_cast<float>(state.budget.tokens());
  }
  if (call.origin.caller != nullptr) record.caller = call.origin.caller->name;
  record.route = call.route_name;
  record.rule = call.rule_name;
  record.sources = call.sources;
  record.worker = settings.worker;
  record.number = call.number;
  record.revision = call.generation == nullptr ? 0 : call.generation->revision;
  record.started = Nanos(call.started);
  record.took = (now - call.started).count();
  record.deadline = call.deadline.never() ? -1 : call.deadline.Remaining(call.started).count();
  record.deadline_is_callers = call.deadline_is_callers;
  for (std::uint32_t i = 0; i < call.attempts; ++i) space.attempts[i] = AttemptOf(call, call.log[i]);
  std::copy_n(call.candidates.data(), call.candidate_count, space.candidates);
  log.Keep(space);
}

}  // namespace weft::engine
