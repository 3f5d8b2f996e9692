#include "controlplane/stream/publisher.h"

namespace weft::stream {

void Publisher::Publish(const compile::Output& compiled, const snapshot::Version& released) {
  const std::scoped_lock lock(mutex_);
  released_ = MakeRelease(compiled, released, released_);
  candidate_ = nullptr;
  cohort_ = nullptr;
  static_ = compiled.endpoints;
  Serve();
  SetStatic(static_);
}

void Publisher::Serve() { hub_.SetRelease({released_, candidate_, cohort_}); }

void Publisher::SetStatic(const Lists& lists) {
  for (const snapshot::EndpointsPtr& endpoints : book_.SetStatic(lists)) hub_.SetEndpoints(endpoints);
}

Status Publisher::CanStage(const compile::Output& compiled) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [service, list] : static_) {
    const auto staged = compiled.endpoints.find(service);
    if (staged == compiled.endpoints.end() || staged->second.instances == list.instances) continue;
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
  candidate_static_ = compiled.endpoints;
  Lists all = candidate_static_;
  for (const auto& [service, list] : static_) all[service] = list;
  Serve();
  SetStatic(all);
  return ChangedServices(*released_, *candidate_);
}

void Publisher::Widen(rollout::Cohort cohort) {
  const std::scoped_lock lock(mutex_);
  cohort_ = std::make_shared<const rollout::Cohort>(std::move(cohort));
  Serve();
}

void Publisher::Promote() {
  const std::scoped_lock lock(mutex_);
  released_ = std::exchange(candidate_, nullptr);
  cohort_ = nullptr;
  static_ = std::move(candidate_static_);
  Serve();
  SetStatic(static_);
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
