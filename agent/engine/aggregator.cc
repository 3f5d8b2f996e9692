#include "agent/engine/aggregator.h"

#include <algorithm>

#include "agent/decision/recorder.h"
#include "agent/engine/snapshot_text.h"
#include "agent/engine/tape.h"
#include "agent/health/group.h"

namespace weft::engine {
namespace {

constexpr Duration kPublishEvery = std::chrono::milliseconds(100);
constexpr Duration kEvidence = std::chrono::seconds(12);  // longer than what health::Instance looks back
constexpr std::size_t kMostChanges = 1024;                // not taken: the oldest stay, the rest is dropped

InstanceState StateOf(health::State state) {
  switch (state) {
    case health::State::kHealthy: return InstanceState::kHealthy;
    case health::State::kDegraded: return InstanceState::kDegraded;
    case health::State::kUnhealthy: return InstanceState::kUnhealthy;
    case health::State::kEjected: return InstanceState::kEjected;
    case health::State::kProbing: return InstanceState::kProbing;
  }
  return InstanceState::kHealthy;
}

health::Evidence EvidenceOf(const InstanceDelta& delta) {
  health::Evidence evidence;
  evidence.badness = {delta.points, delta.squares, delta.requests};
  evidence.speed = {delta.logs, delta.answers};
  evidence.run = delta.consecutive;
  evidence.run_began = delta.first_of_run;
  evidence.passed_checks = delta.passed_checks;
  evidence.failed_checks = delta.failed_checks;
  evidence.slow_checks = delta.slow_checks;
  evidence.trials_passed = delta.probe_passed;
  evidence.trials_failed = delta.probe_failed;
  return evidence;
}

}  // namespace

Aggregator::Aggregator(Shared& shared, decision::Recorder* recorder) : shared_(shared), recorder_(recorder) {
  if (recorder == nullptr) return;
  const auto order = recorder->Order();
  recorder->Write(decision::LineWriter("aggregator").Put("shared_seed", shared.seed()).text(), "aggregator");
}
Aggregator::~Aggregator() = default;

void Aggregator::Install(const snapshot::SnapshotPtr& snapshot, TimePoint now) {
  if (recorder_ == nullptr) return Take(snapshot);
  const auto order = recorder_->Order();
  Take(snapshot);
  recorder_->Write(tape::SnapshotInput("members", 0, *snapshot, now), "members");
}

ViewPtr Aggregator::Absorb(const WorkerDelta& delta, TimePoint now) {
  if (recorder_ == nullptr) return Judge(delta, now);
  const auto order = recorder_->Order();
  ViewPtr view = Judge(delta, now);
  recorder_->Write(tape::AbsorbInput(delta, now), "absorb " + tape::ViewText(view.get()));
  return view;
}

void Aggregator::Take(snapshot::SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  for (auto at = groups_.begin(); at != groups_.end();) {
    at = Update(at->first, at->second) ? std::next(at) : groups_.erase(at);
  }
}

// Health survives a new snapshot by instance; members that are gone are forgotten.
bool Aggregator::Update(const BackendKey& key, Group& group) {
  const auto found = snapshot_->services.find(key.service);
  if (found == snapshot_->services.end()) return false;
  const snapshot::Service& service = *found->second;
  if (FindPort(*service.bundle, key.port) == nullptr) return false;
  const bool alike = group.bundle != nullptr && ReadAlike(group.bundle, group.endpoints, service);
  group.bundle = service.bundle;
  group.endpoints = service.endpoints;
  if (alike) return true;
  std::map<std::uint64_t, Member> members;
  for (const snapshot::Instance& instance : service.endpoints->instances) {
    auto old = group.members.extract(instance.hash);
    Member& member =
        members
            .emplace(instance.hash, old.empty() ? Member{instance.id, {shared_.seed(), instance.hash}}
                                                : std::move(old.mapped()))
            .first->second;
    member.health.weight = instance.draining ? 0 : instance.weight;
  }
  changed_ |= !group.members.empty();
  group.members = std::move(members);
  return true;
}

Aggregator::Group* Aggregator::Find(const BackendKey& key) {
  if (const auto known = groups_.find(key); known != groups_.end()) return &known->second;
  Group group;
  if (snapshot_ == nullptr || !Update(key, group)) return nullptr;
  group.shared = shared_.Backend(key);
  return &groups_.emplace(key, std::move(group)).first->second;
}

ViewPtr Aggregator::Judge(const WorkerDelta& delta, TimePoint now) {
  for (const BackendDelta& said : delta.backends) {
    Group* group = Find(said.backend);
    if (group == nullptr) continue;
    AbsorbBackend(*group, said, delta.worker, now);
    group->judged_until = now + kEvidence + group->bundle->policy.outlier_detection.consecutive_span;
  }
  for (auto& [key, group] : groups_) {
    if (!group.healthy || now < group.judged_until) JudgeGroup(key, group, now);
  }
  if (!changed_ || (epoch_ > 0 && now - published_ < kPublishEvery)) return nullptr;
  return Publish(now);
}

void Aggregator::JudgeGroup(const BackendKey& key, Group& group, TimePoint now) {
  std::vector<health::Instance*> instances;
  instances.reserve(group.members.size());
  for (auto& [hash, member] : group.members) {
    member.health.Advance(now);
    instances.push_back(&member.health);
  }
  health::EjectOutliers(instances, group.bundle->policy.outlier_detection, now);
  Note(key, group);
}

void Aggregator::AbsorbBackend(Group& group, const BackendDelta& delta, std::uint32_t worker, TimePoint now) {
  const policy::ServicePolicy& policy = group.bundle->policy;
  for (const InstanceDelta& said : delta.instances) {
    const auto member = group.members.find(said.instance);
    if (member == group.members.end()) continue;
    member->second.health.Learn(worker, EvidenceOf(said), policy.health_check, policy.outlier_detection, now);
  }
  const breaker::View circuit = group.shared->circuit.Look();
  const bool flows = circuit.state == breaker::State::kClosed || circuit.state == breaker::State::kRecovering;
  if (delta.requests == 0 || !flows || circuit.generation != delta.generation) return;
  group.window.AddMany(delta.generation, {delta.points, delta.points_4xx, delta.requests, delta.squares},
                       now);
  // One bad instance is for ejection, which comes first; the evidence then is of the others.
  const bool ejectable = std::any_of(group.members.begin(), group.members.end(), [&](auto& entry) {
    const health::Badness& recent = entry.second.health.Recent(now);
    return entry.second.health.available() && recent.requests > 0 && recent.mean() < 0.15;
  });
  if (policy.outlier_detection.enabled && group.members.size() > 1 && ejectable) return;
  if (!policy.circuit_breaker.enabled || delta.points == 0) return;
  if (group.window.Evaluate(policy.circuit_breaker, now) != breaker::Trip::kNo) {
    group.shared->circuit.Trip(delta.generation, policy.circuit_breaker, now);
  }
}

void Aggregator::Note(const BackendKey& key, Group& group) {
  group.healthy = true;
  for (auto& [hash, member] : group.members) {
    const InstanceState state = StateOf(member.health.state());
    group.healthy &= state == InstanceState::kHealthy;
    if (state == member.told) continue;
    if (changes_.size() < kMostChanges)
      changes_.push_back({key, member.id, member.told, state, member.health.cause()});
    member.told = state;
    changed_ = true;
  }
}

ViewPtr Aggregator::Publish(TimePoint now) {
  auto view = std::make_shared<ServiceView>();
  view->epoch = ++epoch_;
  view->at = now;
  for (const auto& [key, group] : groups_) {
    std::vector<InstanceView> instances;
    for (const auto& [hash, member] : group.members) {
      if (member.told == InstanceState::kHealthy) continue;
      instances.push_back({hash, member.told, member.health.until(), member.health.cause()});
    }
    if (!instances.empty()) view->backends.emplace(key, std::move(instances));
  }
  changed_ = false;
  published_ = now;
  return view;
}

std::vector<HealthChange> Aggregator::TakeChanges() { return std::exchange(changes_, {}); }

}  // namespace weft::engine
