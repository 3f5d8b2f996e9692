#include "agent/simulate/agent.h"

#include <algorithm>

#include "common/snapshot/alone.h"

namespace weft::simulate {
namespace {

constexpr std::size_t kRecordBytes = 64 << 10;

engine::Settings EngineSettings(const AgentSettings& settings) {
  engine::Settings s;
  s.seed = settings.seed;
  s.ns = settings.ns;
  s.zone = settings.zone;
  s.record_bytes = kRecordBytes;
  return s;
}

const char* NameOf(engine::InstanceState state) {
  switch (state) {
    case engine::InstanceState::kHealthy: return "healthy";
    case engine::InstanceState::kDegraded: return "degraded";
    case engine::InstanceState::kUnhealthy: return "unhealthy";
    case engine::InstanceState::kEjected: return "ejected";
    case engine::InstanceState::kProbing: return "probing";
  }
  return "healthy";
}

}  // namespace

Agent::Agent(const AgentSettings& settings, snapshot::SnapshotPtr snapshot,
             std::shared_ptr<const std::unordered_map<std::uint64_t, std::uint32_t>> servers, Tally* tally,
             TimePoint now)
    : settings_(settings),
      shared_(settings.seed),
      aggregator_(shared_, settings.recorder),
      engine_(EngineSettings(settings), shared_, settings.recorder),
      servers_(std::move(servers)),
      tally_(tally) {
  head_.authority = settings_.authority;
  head_.target = settings_.path;
  Install(std::move(snapshot), now);
}
Agent::~Agent() = default;

void Agent::Install(snapshot::SnapshotPtr snapshot, TimePoint now) {
  engine_.Install(snapshot, now);
  aggregator_.Install(snapshot, now);
}

engine::Call& Agent::CallOf(const Flight& flight) {
  if (calls_.size() <= flight.index) calls_.resize(flight.index + 1);
  std::unique_ptr<engine::Call>& call = calls_[flight.index];
  if (!call) call = std::make_unique<engine::Call>();
  return *call;
}

Terms Agent::Start(const Flight& flight, TimePoint now) {
  engine::Call& call = CallOf(flight);
  call.Reset();
  head_.method = flight.method;
  if (!settings_.key_header.empty()) {
    key_ = std::to_string(flight.key);
    head_.fields = {};
    head_.fields.Add(settings_.key_header, key_, message::FieldId::kOther);
  }
  const engine::Verdict verdict = engine_.Start(call, {}, head_, now);
  Terms terms;
  if (verdict.action != engine::Action::kForward) {
    terms.refused = verdict.reason == Reason::kOk ? Reason::kNoRoute : verdict.reason;
    return terms;
  }
  terms.deadline = call.deadline;
  terms.attempt_timeout = call.timeouts->attempt;
  terms.connect_timeout = call.timeouts->connect;
  return terms;
}

std::uint32_t Agent::Pick(const Flight& flight, TimePoint now, Reason& why) {
  const engine::Target* target = engine_.Pick(CallOf(flight), now, why);
  return target == nullptr ? kNobody : servers_->at(target->hash);
}

Duration Agent::HeadTimeout(const Flight& flight) const { return calls_[flight.index]->adaptive_timeout; }

Duration Agent::SecondAfter(const Flight& flight) const { return calls_[flight.index]->hedge_after; }

std::uint32_t Agent::PickSecond(const Flight& flight, TimePoint now) {
  const engine::Target* target = engine_.Hedge(CallOf(flight), now);
  return target == nullptr ? kNobody : servers_->at(target->hash);
}

void Agent::SecondEnded(const Flight& flight, TimePoint now) {
  engine_.HedgeEnded(CallOf(flight), flight.second.result, now);
}

bool Agent::IsAnswer(const Flight& flight, const engine::AttemptResult& result) const {
  return result.outcome == engine::Outcome::kResponse &&
         !engine_.Retriable(*calls_[flight.index], result.status);
}

Repeat Agent::Ended(const Flight& flight, TimePoint now) {
  const engine::RetryVerdict verdict = engine_.Ended(CallOf(flight), flight.result, now);
  return {verdict.retry, verdict.delay};
}

void Agent::Finish(const Flight& flight, Reason reason, std::uint16_t status, TimePoint now) {
  engine_.Finish(CallOf(flight), reason, status, now);
}

void Agent::Tick(TimePoint now) {
  if (engine::ViewPtr view = aggregator_.Absorb(engine_.Tick(now), now)) engine_.Install(view, now);
  engine_.TakeForgotten();
  if (tally_ == nullptr) {
    aggregator_.TakeChanges();
    return;
  }
  for (const engine::HealthChange& change : aggregator_.TakeChanges())
    tally_->Noted(
        {now, settings_.client, change.instance, NameOf(change.from), NameOf(change.to), change.cause});
  NoteCircuits(now);
}

void Agent::NoteCircuits(TimePoint now) {
  for (const auto& backend : engine_.backends()) {
    Circuit& known = circuits_[backend.get()];
    const breaker::View view = backend->shared->circuit.Look();
    if (view.generation == known.generation) continue;
    tally_->Noted({now, settings_.client, "circuit", breaker::ToString(known.state),
                   breaker::ToString(view.state), ""});
    known.state = view.state;
    known.generation = view.generation;
  }
}

Cart MakeCart(std::uint32_t instances, const policy::ServicePolicy& policy,
              const std::vector<std::string>& zones) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->policy = policy;
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = bundle->key;
  auto servers = std::make_shared<std::unordered_map<std::uint64_t, std::uint32_t>>();
  for (std::uint32_t i = 0; i < instances; ++i) {
    snapshot::Instance instance;
    instance.id = "cart-" + std::to_string(i);
    instance.hash = HashBytes(instance.id);
    instance.address = {net::Ip::V4(127, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)),
                        8080};
    instance.capabilities.meshed = true;
    if (i < zones.size()) instance.zone = zones[i];
    (*servers)[instance.hash] = i;
    endpoints->instances.push_back(std::move(instance));
  }
  std::sort(endpoints->instances.begin(), endpoints->instances.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  const auto snapshot = snapshot::Alone(bundle, endpoints);
  return {snapshot, servers};
}

}  // namespace weft::simulate
