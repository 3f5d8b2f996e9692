#include "controlplane/app/backends.h"

namespace weft::control {

void Delivery::Release(const compile::Output& compiled, const snapshot::Version& version) {
  const std::lock_guard lock(mutex_);
  release_ = stream::MakeRelease(compiled, version, release_);
  // Endpoints first: a new service's bundle goes out with its instances.
  for (const auto& changed : book_.SetStatic(compiled.endpoints)) hub_.SetEndpoints(changed);
  hub_.SetRelease(release_);
}

std::uint64_t Delivery::Registered(const ServiceKey& service, std::vector<snapshot::Instance> instances) {
  const std::lock_guard lock(mutex_);
  if (const auto changed = book_.SetRegistered(service, std::move(instances))) hub_.SetEndpoints(changed);
  const auto now = book_.Find(service);
  return now == nullptr ? 0 : now->version;
}

snapshot::EndpointsPtr Delivery::Endpoints(const ServiceKey& service) const {
  const std::lock_guard lock(mutex_);
  return book_.Find(service);
}

telemetry::EndpointLists Delivery::All() const {
  const std::lock_guard lock(mutex_);
  telemetry::EndpointLists lists;
  if (release_ == nullptr) return lists;
  for (const auto& [key, blob] : release_->bundles) {
    auto endpoints = book_.Find(key);
    if (endpoints == nullptr)
      endpoints = std::make_shared<const snapshot::Endpoints>(snapshot::Endpoints{key, 0, {}});
    lists.emplace(key, std::move(endpoints));
  }
  return lists;
}

}  // namespace weft::control
