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
  // All static lists at once; a service that is missing has none. Returns the lists that changed.
  std::vector<snapshot::EndpointsPtr> SetStatic(const std::map<ServiceKey, snapshot::Endpoints>& lists);

  // Null: nothing changed.
  snapshot::EndpointsPtr SetRegistered(const ServiceKey& service, std::vector<snapshot::Instance> instances);

  snapshot::EndpointsPtr Find(const ServiceKey& service) const;  // null: never had an instance

 private:
  struct Entry {
    std::vector<snapshot::Instance> fixed, registered;
    std::string bytes;  // canonical form of `merged`, without version; to see a change
    snapshot::EndpointsPtr merged;
  };
  static snapshot::EndpointsPtr Update(const ServiceKey& service, Entry& entry);

  std::map<ServiceKey, Entry> entries_;
};

}  // namespace weft::stream
