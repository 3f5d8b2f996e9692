#include "controlplane/stream/publisher.h"

namespace weft::stream {

void Publisher::Publish(const compile::Output& compiled, const snapshot::Version& released) {
  const std::scoped_lock lock(mutex_);
  released_ = MakeRelease(compiled, released, newest());
  candidate_ = nullptr;
  cohort_ = nullptr;
  Serve();
  for (const ServiceKey& service : compiled.removed) SetStatic(service, {});
  for (const auto& [service, list] : compiled.endpoints) SetStatic(service, list.instances);
}

void Publisher::Serve() { hub_.SetRelease({released_, candidate_, cohort_}); }

void Publisher::SetStatic(const ServiceKey& service, std::vector<snapshot::Instance> instances) {
  if (instances.empty() && book_.FindStatic(service) == nullptr && !released_->bundles.contains(service))
    return;  // it never was
  if (auto changed = book_.SetStatic(service, std::move(instances))) hub_.SetEndpoints(std::move(changed));
}

Status Publisher::CanStage(const compile::Output& compiled) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [service, list] : compiled.endpoints) {
    const std::vector<snapshot::Instance>* now = book_.FindStatic(service);
    if (!released_->bundles.contains(service) || (now != nullptr && *now == list.instances)) continue;
    return Invalid("a rollout cannot change the instances of " + service.ToString() +
                       ": instances are the same for every agent; apply that change without --rollout first",
                   "rollout");
  }
  return {};
}

std::set<ServiceKey> Publisher::Stage(const compile::Output& compiled, const snapshot::Version& candidate,
                                      rollout::Cohort cohort) {
  const std::scoped_lock lock(mutex_);
  candidate_ = MakeRelease(compiled, candidate, released_);
  cohort_ = std::make_shared<const rollout::Cohort>(std::move(cohort));
  Serve();
  for (const auto& [service, list] : compiled.endpoints) {
    if (!released_->bundles.contains(service)) SetStatic(service, list.instances);
  }
  return ChangedServices(*released_, *candidate_);
}

void Publisher::Widen(rollout::Cohort cohort) {
  const std::scoped_lock lock(mutex_);
  cohort_ = std::make_shared<const rollout::Cohort>(std::move(cohort));
  Serve();
}

void Publisher::Promote() {
  const std::scoped_lock lock(mutex_);
  const ReleasePtr before = std::exchange(released_, std::exchange(candidate_, nullptr));
  cohort_ = nullptr;
  Serve();
  for (const auto& [service, blob] : before->bundles) {
    if (!released_->bundles.contains(service)) SetStatic(service, {});
  }
}

void Publisher::SetRegistered(const ServiceKey& service, std::vector<snapshot::Instance> instances) {
  const std::scoped_lock lock(mutex_);
  if (auto changed = book_.SetRegistered(service, std::move(instances)))
    hub_.SetEndpoints(std::move(changed));
}

snapshot::EndpointsPtr Publisher::Find(const ServiceKey& service) const {
  const std::scoped_lock lock(mutex_);
  return book_.Find(service);
}

std::map<ServiceKey, snapshot::EndpointsPtr> Publisher::Services() const {
  const std::scoped_lock lock(mutex_);
  std::map<ServiceKey, snapshot::EndpointsPtr> services;
  if (released_ == nullptr) return services;
  for (const auto& [key, blob] : released_->bundles) services[key] = book_.Find(key);
  return services;
}

}  // namespace weft::stream
