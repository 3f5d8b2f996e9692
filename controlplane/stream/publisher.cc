#include "controlplane/stream/publisher.h"

namespace weft::stream {

void Publisher::Publish(const compile::Output& compiled, const snapshot::Version& released) {
  const std::scoped_lock lock(mutex_);
  released_ = MakeRelease(compiled, released, released_);
  const std::vector<snapshot::EndpointsPtr> changed = book_.SetStatic(compiled.endpoints);
  hub_.SetRelease(released_);
  for (const snapshot::EndpointsPtr& endpoints : changed) hub_.SetEndpoints(endpoints);
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
