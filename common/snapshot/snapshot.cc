#include "common/snapshot/snapshot.h"

namespace weft::snapshot {

std::string Version::ToString() const {
  return store_id + "/" + std::to_string(epoch) + "/" + std::to_string(revision);
}

net::Address Instance::AddressFor(const policy::ServicePort& port) const {
  const auto named = ports.find(port.name);
  return {address.ip, named == ports.end() ? address.port : named->second};
}

const Service* Snapshot::Find(const ServiceKey& key) const {
  const auto found = services.find(key);
  return found == services.end() ? nullptr : found->second.get();
}

}  // namespace weft::snapshot
