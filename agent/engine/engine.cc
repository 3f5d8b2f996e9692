#include "agent/engine/engine.h"

#include "agent/engine/impl.h"

namespace weft::engine {

Engine::Impl::Impl(Settings s, Shared& sh, decision::Recorder* r)
    : settings(std::move(s)),
      shared(sh),
      recorder(r),
      log(settings.record_bytes, settings.record_bytes / 2) {}

Engine::Engine(Settings settings, Shared& shared, decision::Recorder* recorder)
    : impl_(std::make_unique<Impl>(std::move(settings), shared, recorder)) {}
Engine::~Engine() = default;

void Engine::Install(snapshot::SnapshotPtr snapshot, TimePoint) { impl_->Install(std::move(snapshot)); }
void Engine::Install(ViewPtr view, TimePoint) { impl_->Install(std::move(view)); }

const snapshot::Snapshot* Engine::snapshot() const {
  return impl_->current == nullptr ? nullptr : impl_->current->snapshot.get();
}
std::size_t Engine::live_generations() const { return impl_->generations.size(); }
const std::vector<std::unique_ptr<Backend>>& Engine::backends() const { return impl_->backends; }
decision::Log& Engine::log() { return impl_->log; }

policy::Protocol Engine::ProtocolOf(const Origin& origin) const {
  if (origin.fixed == nullptr && origin.original.port == 0) return policy::Protocol::kDetect;
  const Resolved resolved = impl_->Resolve(origin, {});
  return resolved.reason == Reason::kOk ? resolved.backend->protocol : policy::Protocol::kDetect;
}

Backend* Engine::BackendOf(const Origin& origin, TimePoint) { return impl_->Resolve(origin, {}).backend; }

Verdict Engine::Start(Call& call, const Origin& origin, const message::RequestHead& head, TimePoint now) {
  return impl_->Start(call, origin, head, now);
}

Target* Engine::Pick(Call& call, TimePoint now, Reason& why) { return impl_->Pick(call, now, why); }

bool Engine::Retriable(const Call& call, std::uint16_t status) const {
  return impl_->Retriable(call, status);
}

RetryVerdict Engine::Ended(Call& call, const AttemptResult& result, TimePoint now) {
  return impl_->Ended(call, result, now);
}

void Engine::Finish(Call& call, Reason reason, std::uint16_t status, TimePoint now) {
  impl_->Finish(call, reason, status, now);
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

void Engine::Checked(Target& target, bool passed, Duration took, TimePoint) {
  impl_->Checked(target, passed, took);
}

WorkerDelta Engine::Tick(TimePoint now) { return impl_->Tick(now); }

}  // namespace weft::engine
