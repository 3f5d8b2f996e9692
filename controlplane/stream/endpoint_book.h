#pragma once
// Instances of every service from all sources, and the count of their changes. Static ones come with the
// release, registered ones from leases; one id from both: the registered one counts. A service's version
// grows by one with each change of its merged list, never otherwise: a heartbeat changes nothing. Versions
// start at 1 with the process; the store's epoch, which grows with every start, orders them across restarts.
// Thread rule: not thread safe.

#include <map>
#include <string>
#include <vector>

#include "common/snapshot/snapshot.h"

namespace weft::stream {

class EndpointBook {
 public:
  // The list that changed; null: nothing did.
  snapshot::EndpointsPtr SetStatic(const ServiceKey& service, std::vector<snapshot::Instance> instances);
  snapshot::EndpointsPtr SetRegistered(const ServiceKey& service, std::vector<snapshot::Instance> instances);

  snapshot::EndpointsPtr Find(const ServiceKey& service) const;  // null: never had an instance
  // Its static ones alone, sorted by id; null: the service is not known.
  const std::vector<snapshot::Instance>* FindStatic(const ServiceKey& service) const;

 private:
  struct Entry {
    std::vector<snapshot::Instance> fixed, registered;
    snapshot::EndpointsPtr merged;
  };
  static snapshot::EndpointsPtr Update(const ServiceKey& service, Entry& entry);

  std::map<ServiceKey, Entry> entries_;
};

}  // namespace weft::stream
