#include "agent/engine/engine.h"

#include <algorithm>

#include "agent/engine/impl.h"

namespace weft::engine {

Engine::Engine(Settings settings, Shared& shared, decision::Recorder* recorder)
    : impl_(std::make_unique<Impl>(std::move(settings), shared, recorder)) {}
Engine::~Engine() = default;

void Engine::Install(snapshot::SnapshotPtr snapshot, TimePoint) { impl_->Install(std::move(snapshot)); }
void Engine::Install(ViewPtr, TimePoint) {}

const snapshot::Snapshot* Engine::snapshot() const {
  return impl_->current == nullptr ? nullptr : impl_->current->snapshot.get();
}
std::size_t Engine::live_generations() const { return impl_->generations.size(); }
const std::vector<std::unique_ptr<Backend>>& Engine::backends() const { return impl_->backends; }

policy::Protocol Engine::ProtocolOf(const Origin& origin) const {
  if (origin.fixed == nullptr && origin.original.port == 0) return policy::Protocol::kDetect;
  const Resolved resolved = impl_->Resolve(origin, {});
  return resolved.reason == Reason::kOk ? resolved.backend->protocol : policy::Protocol::kDetect;
}

Backend* Engine::BackendOf(const Origin& origin, TimePoint) { return impl_->Resolve(origin, {}).backend; }

Verdict Engine::Start(Call& call, const Origin& origin, const message::RequestHead& head, TimePoint now) {
  call.number = ++impl_->calls;
  call.started = now;
  call.origin = origin;
  call.method = head.method;
  call.idempotency_key = head.fields.Find(message::FieldId::kIdempotencyKey) != nullptr;
  call.deadline = origin.caller_deadline;
  call.deadline_is_callers = !origin.caller_deadline.never();
  if (origin.direction == Direction::kInbound) {
    static const BackendKey kUnnamed;
    call.backend = impl_->InboundBackendFor(origin.fixed == nullptr ? kUnnamed : *origin.fixed);
    call.retry = &call.backend->policy->retry;
    call.timeouts = &call.backend->policy->timeouts;
  } else {
    const Resolved resolved = impl_->Resolve(origin, head.authority);
    if (resolved.reason != Reason::kOk) {
      const bool pass = origin.allow_passthrough && resolved.reason == Reason::kUnknownService;
      return {pass ? Action::kPassthrough : Action::kAnswer, resolved.reason};
    }
    call.generation = impl_->current;
    ++call.generation->calls;
    call.service = resolved.service;
    call.service_port = resolved.port;
    call.backend = resolved.backend;
    call.retry = &resolved.service->bundle->policy.retry;
    call.timeouts = &resolved.service->bundle->policy.timeouts;
    const Deadline own = Deadline::After(now, call.timeouts->request);
    if (own < call.deadline) {
      call.deadline = own;
      call.deadline_is_callers = false;
    }
  }
  ++call.backend->in_flight;
  return {Action::kForward, Reason::kOk};
}

Target* Engine::Pick(Call& call, TimePoint now, Reason& why) {
  Backend& backend = *call.backend;
  Target* target = nullptr;
  if (backend.inbound) {
    const net::Address& to =
        call.origin.application.port != 0 ? call.origin.application : call.origin.original;
    target = impl_->ApplicationTarget(backend, to);
  } else {
    std::vector<Target*>& pickable = backend.state->pickable;
    if (pickable.empty()) {
      why = backend.targets.empty() ? Reason::kNoInstances : Reason::kNoHealthyInstances;
      return nullptr;
    }
    target = pickable[backend.state->next++ % pickable.size()];
  }
  if (call.attempts >= kMaxAttempts) {
    why = Reason::kNoHealthyInstances;
    return nullptr;
  }
  call.target = target;
  call.log[call.attempts++] = {target, now, {}, {}, ""};
  ++target->node.in_flight;
  return target;
}

bool Engine::Retriable(const Call& call, std::uint16_t status) const {
  return !call.backend->inbound && call.retry->enabled && (status == 502 || status == 503 || status == 504) &&
         message::IsIdempotent(call.method);
}

RetryVerdict Engine::Ended(Call& call, const AttemptResult& result, TimePoint now) {
  AttemptRecord& attempt = call.log[call.attempts - 1];
  attempt.ended = now;
  attempt.result = result;
  --call.target->node.in_flight;
  call.target = nullptr;
  const bool failed = result.outcome != Outcome::kResponse || Retriable(call, result.status);
  const bool again = failed && !call.backend->inbound && call.retry->enabled && !result.committed &&
                     result.replayable && call.attempts <= call.retry->attempts &&
                     (result.never_sent || message::IsIdempotent(call.method));
  return {again, Duration::zero(), ""};
}

void Engine::Finish(Call& call, Reason, std::uint16_t, TimePoint) {
  if (call.backend != nullptr) --call.backend->in_flight;
  call.backend = nullptr;
  if (call.generation == nullptr) return;
  --call.generation->calls;
  if (call.generation->calls == 0 && !call.generation->current) impl_->ReleaseGenerations();
  call.generation = nullptr;
}

bool Engine::TryConnect(Target& target) {
  if (!target.shared->connections.TryTake(target.backend->policy->connection_pool.max_connections))
    return false;
  ++target.connections;
  return true;
}
void Engine::ReleaseConnection(Target& target) {
  target.shared->connections.Return();
  --target.connections;
}
bool Engine::TryPend(Backend& backend) {
  const std::uint32_t most = backend.policy->connection_pool.max_pending;
  if (most == 0 || !backend.shared->pending.TryTake(most)) return false;
  ++backend.waiting;
  return true;
}
void Engine::ReleasePend(Backend& backend) {
  backend.shared->pending.Return();
  --backend.waiting;
}

void Engine::MarkDraining(Target& target) {
  if (target.draining || !target.meshed) return;
  target.draining = true;
  impl_->Rebuild(*target.backend);
}

Load Engine::LoadOf(const Backend& inbound) const { return {inbound.in_flight, inbound.state->latency}; }

void Engine::Checked(Target&, bool, Duration, TimePoint) {}

WorkerDelta Engine::Tick(TimePoint now) {
  for (const auto& backend : impl_->backends) impl_->FreeRemoved(*backend);
  return {impl_->settings.worker, now, {}};
}

}  // namespace weft::engine
