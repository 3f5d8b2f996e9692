#include "agent/engine/engine.h"

#include "agent/decision/recorder.h"
#include "agent/engine/impl.h"
#include "agent/engine/tape.h"

namespace weft::engine {

Engine::Impl::Impl(Settings s, Shared& sh, decision::Recorder* r)
    : settings(std::move(s)),
      shared(sh),
      recorder(r),
      log(settings.record_bytes, settings.record_bytes / 2) {}

// Makes a call as one turn of the recording: under the recorder's order, its inputs written before what came
// of it. `inputs` and `result` are only evaluated while recording.
template <class Call, class Inputs, class Result>
static auto Taped(decision::Recorder* recorder, Inputs inputs, Call call, Result result) {
  if (recorder == nullptr) return call();
  const auto order = recorder->Order();
  const std::string in = inputs();
  const auto value = call();
  recorder->Write(in, result(value));
  return value;
}

Engine::Engine(Settings settings, Shared& shared, decision::Recorder* recorder)
    : impl_(std::make_unique<Impl>(std::move(settings), shared, recorder)) {
  Taped(
      recorder, [&] { return tape::EngineInput(impl_->settings, shared.seed()); }, [] { return 0; },
      [](int) { return std::string("engine"); });
}
Engine::~Engine() = default;

void Engine::Install(snapshot::SnapshotPtr snapshot, TimePoint now) {
  const snapshot::SnapshotPtr kept = impl_->recorder == nullptr ? nullptr : snapshot;
  Taped(
      impl_->recorder, [&] { return tape::SnapshotInput("snapshot", impl_->settings.worker, *kept, now); },
      [&] { return impl_->Install(std::move(snapshot), now), 0; },
      [](int) { return std::string("snapshot"); });
}

void Engine::Install(ViewPtr view, TimePoint now) {
  const ViewPtr kept = impl_->recorder == nullptr ? nullptr : view;
  Taped(
      impl_->recorder, [&] { return tape::ViewInput(impl_->settings.worker, *kept, now); },
      [&] { return impl_->Install(std::move(view), now), 0; }, [](int) { return std::string("view"); });
}

const snapshot::Snapshot* Engine::snapshot() const {
  return impl_->current == nullptr ? nullptr : impl_->current->snapshot.get();
}
std::size_t Engine::live_generations() const { return impl_->generations.size(); }
const std::vector<std::unique_ptr<Backend>>& Engine::backends() const { return impl_->backends; }
std::vector<std::pair<BackendKey, Direction>> Engine::TakeForgotten() {
  return std::exchange(impl_->forgotten, {});
}
decision::Log& Engine::log() { return impl_->log; }

policy::Protocol Engine::ProtocolOf(const Origin& origin) const {
  if (origin.fixed == nullptr && origin.original.port == 0) return policy::Protocol::kDetect;
  return Taped(
      impl_->recorder, [&] { return tape::OriginInput("protocol", impl_->settings.worker, origin, {}); },
      [&] {
        const Resolved resolved = impl_->Resolve(origin, {});
        return resolved.reason == Reason::kOk ? resolved.backend->protocol : policy::Protocol::kDetect;
      },
      [](policy::Protocol p) { return tape::BoolResult("protocol", true, static_cast<std::uint32_t>(p)); });
}

policy::Mtls Engine::MtlsOf(const Origin& origin) const {
  return impl_->InboundMtls(origin.fixed == nullptr ? ServiceKey{} : origin.fixed->service);
}

const Caller* Engine::CallerOf(std::string_view identity, std::string_view service) {
  auto& callers = impl_->callers;
  if (const auto known = callers.find(std::string(identity)); known != callers.end())
    return known->second.get();
  constexpr std::size_t kMostCallers = 16384;
  if (callers.size() >= kMostCallers) return nullptr;
  auto made = std::make_unique<Caller>();
  made->identity = identity;
  made->service = service;
  made->number = static_cast<std::uint32_t>(callers.size() + 1);
  made->name = impl_->log.names().Intern(identity);
  return callers.emplace(made->identity, std::move(made)).first->second.get();
}

Backend* Engine::BackendOf(const Origin& origin, TimePoint now) {
  return Taped(
      impl_->recorder, [&] { return tape::OriginInput("backend", impl_->settings.worker, origin, now); },
      [&] { return impl_->Resolve(origin, {}).backend; },
      [](Backend* b) { return "backend " + (b == nullptr ? "none" : b->key_text); });
}

Verdict Engine::Start(Call& call, const Origin& origin, const message::RequestHead& head, TimePoint now) {
  return Taped(
      impl_->recorder, [&] { return tape::StartInput(impl_->settings.worker, origin, head, now); },
      [&] { return impl_->Start(call, origin, head, now); },
      [&](Verdict v) { return tape::StartResult(call, v); });
}

Target* Engine::Pick(Call& call, TimePoint now, Reason& why) {
  return Taped(
      impl_->recorder, [&] { return tape::CallInput("pick", impl_->settings.worker, call, now); },
      [&] { return impl_->Pick(call, now, why); }, [&](Target* t) { return tape::PickResult(call, t, why); });
}

bool Engine::Retriable(const Call& call, std::uint16_t status, int grpc) const {
  return impl_->Retriable(call, status, grpc);
}

RetryVerdict Engine::Ended(Call& call, const AttemptResult& result, TimePoint now) {
  return Taped(
      impl_->recorder, [&] { return tape::EndedInput("ended", impl_->settings.worker, call, result, now); },
      [&] { return impl_->Ended(call, result, now); },
      [&](const RetryVerdict& v) {
        return tape::EndedResult(call, v, call.backend->state->budget.tokens());
      });
}

Target* Engine::Hedge(Call& call, TimePoint now) {
  return Taped(
      impl_->recorder, [&] { return tape::CallInput("hedge", impl_->settings.worker, call, now); },
      [&] { return impl_->Hedge(call, now); }, [&](Target* t) { return tape::HedgeResult(call, t); });
}

void Engine::HedgeEnded(Call& call, const AttemptResult& result, TimePoint now) {
  Taped(
      impl_->recorder,
      [&] { return tape::EndedInput("hedge_ended", impl_->settings.worker, call, result, now); },
      [&] { return impl_->HedgeEnded(call, result, now), 0; },
      [](int) { return std::string("hedge_ended"); });
}

void Engine::Finish(Call& call, Reason reason, std::uint16_t status, TimePoint now) {
  const SharedBackend* backend = call.backend == nullptr ? nullptr : call.backend->shared.get();
  Taped(
      impl_->recorder, [&] { return tape::FinishInput(impl_->settings.worker, call, reason, status, now); },
      [&] { return impl_->Finish(call, reason, status, now), 0; },
      [&](int) { return tape::CircuitResult("finish", backend); });
}

bool Engine::TryConnect(Target& target) {
  return Taped(
      impl_->recorder, [&] { return tape::TargetInput("connect", impl_->settings.worker, target); },
      [&] {
        const bool taken =
            target.shared->connections.TryTake(target.backend->policy->connection_pool.max_connections);
        target.connections += taken;
        return taken;
      },
      [&](bool ok) { return tape::BoolResult("connect", ok, target.shared->connections.used()); });
}

void Engine::ReleaseConnection(Target& target) {
  Taped(
      impl_->recorder, [&] { return tape::TargetInput("disconnect", impl_->settings.worker, target); },
      [&] {
        target.shared->connections.Return();
        return --target.connections;
      },
      [&](std::uint32_t) { return tape::BoolResult("disconnect", true, target.shared->connections.used()); });
}

bool Engine::TryStream(Target& target) {
  if (!target.backend->inbound) return TryConnect(target);
  Taped(
      impl_->recorder, [&] { return tape::TargetInput("stream", impl_->settings.worker, target); },
      [&] { return ++target.connections; }, [](std::uint32_t) { return std::string("stream"); });
  return true;
}

void Engine::ReleaseStream(Target& target) {
  if (!target.backend->inbound) return ReleaseConnection(target);
  Taped(
      impl_->recorder, [&] { return tape::TargetInput("unstream", impl_->settings.worker, target); },
      [&] { return --target.connections; }, [](std::uint32_t) { return std::string("unstream"); });
}

bool Engine::TryPend(Backend& backend) {
  return Taped(
      impl_->recorder, [&] { return tape::BackendInput("pend", impl_->settings.worker, backend); },
      [&] {
        const std::uint32_t most = backend.policy->connection_pool.max_pending;
        const bool taken = most > 0 && backend.shared->pending.TryTake(most);
        backend.waiting += taken;
        return taken;
      },
      [&](bool ok) { return tape::BoolResult("pend", ok, backend.shared->pending.used()); });
}

void Engine::ReleasePend(Backend& backend) {
  Taped(
      impl_->recorder, [&] { return tape::BackendInput("unpend", impl_->settings.worker, backend); },
      [&] {
        backend.shared->pending.Return();
        return --backend.waiting;
      },
      [&](std::uint32_t) { return tape::BoolResult("unpend", true, backend.shared->pending.used()); });
}

bool Engine::OthersWait(const Backend& backend) const {
  return backend.shared->pending.used() > backend.waiting;
}

void Engine::MarkDraining(Target& target) {
  if (target.draining || !target.meshed) return;
  Taped(
      impl_->recorder, [&] { return tape::TargetInput("drain", impl_->settings.worker, target); },
      [&] {
        target.draining = true;
        impl_->Rebuild(*target.backend);
        return 0;
      },
      [](int) { return std::string("drain"); });
}

Place Engine::TakeAddress(const Origin& origin) {
  if (origin.direction != Direction::kInbound || origin.fixed == nullptr || impl_->current == nullptr)
    return Place::kUncounted;
  const snapshot::Service* service = impl_->current->snapshot->Find(origin.fixed->service);
  if (service == nullptr) return Place::kUncounted;
  const std::uint32_t most = service->bundle->policy.rate_limits.connections_per_address;
  if (most == 0) return Place::kUncounted;
  return impl_->shared.addresses.TryTake(origin.peer.ip, most) ? Place::kCounted : Place::kRefused;
}

void Engine::ReturnAddress(const Origin& origin) {
  if (origin.place == Place::kCounted) impl_->shared.addresses.Return(origin.peer.ip);
}

Load Engine::LoadOf(const Backend& inbound) const {
  Load load{inbound.in_flight, inbound.state->latency, 0};
  if (inbound.state->guarded && inbound.state->concurrency.limiter != policy::Limiter::kOff)
    load.limit = std::max(1U, inbound.shared->concurrency.limit() / impl_->settings.workers);
  return load;
}

std::vector<QuotaUse> Engine::Quotas() const {
  std::vector<QuotaUse> uses;
  for (const auto& backend : impl_->backends) {
    if (!backend->inbound || backend->state->rate_limits == nullptr) continue;
    for (const limit::RateLimits::One& one : backend->state->rate_limits->all()) {
      if (!one.policy.global) continue;
      uses.push_back({backend->key, one.policy.name, one.policy.rate,
                      impl_->InstancesOf(backend->key.service), one.buckets->asked()});
    }
  }
  return uses;
}

void Engine::SetQuota(const BackendKey& inbound, std::string_view limit, double per_second, double room,
                      TimePoint now) {
  Taped(
      impl_->recorder,
      [&] { return tape::QuotaInput(impl_->settings.worker, inbound, limit, per_second, room, now); },
      [&] { return impl_->SetQuota(inbound, limit, per_second, room, now), 0; },
      [](int) { return std::string("quota"); });
}

void Engine::Checked(Target& target, bool passed, Duration took, TimePoint now) {
  Taped(
      impl_->recorder, [&] { return tape::CheckedInput(impl_->settings.worker, target, passed, took, now); },
      [&] { return impl_->Checked(target, passed, took), 0; }, [](int) { return std::string("checked"); });
}

WorkerDelta Engine::Tick(TimePoint now) {
  return Taped(
      impl_->recorder, [&] { return tape::TickInput(impl_->settings.worker, now); },
      [&] { return impl_->Tick(now); },
      [](const WorkerDelta& delta) { return "tick" + tape::DeltaText(delta); });
}

}  // namespace weft::engine
