#pragma once
// A mesh of one service, for simulations, measurements and tests.

#include <utility>

#include "common/snapshot/snapshot.h"

namespace weft::snapshot {

// Found by its short name too. What else a snapshot has is the caller's to add.
inline std::shared_ptr<Snapshot> Alone(policy::BundlePtr bundle, EndpointsPtr endpoints) {
  auto service = std::make_shared<Service>();
  service->bundle = std::move(bundle);
  service->endpoints = std::move(endpoints);
  const ServiceKey& key = service->bundle->key;
  auto made = std::make_shared<Snapshot>();
  made->by_name.emplace(key.name, key);
  made->services[key] = std::move(service);
  return made;
}

}  // namespace weft::snapshot
