#pragma once
// Leases of registered instances: in memory, because a heartbeat is no write. After a restart every instance
// with a time to live gets a fresh lease, so that a control plane that was away expels nobody. Pure: time
// comes in. Thread rule: not thread safe; the owner's lock guards it.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/time/time.h"

namespace weft::store {

class Leases {
 public:
  using Id = std::pair<std::string, std::string>;  // service, instance

  void Grant(const Id& id, Duration ttl, TimePoint now);  // ttl <= 0: no lease, and an old one is forgotten
  bool Renew(const Id& id, TimePoint now);                // false: there is none
  void Drop(const Id& id) { leases_.erase(id); }
  std::optional<Duration> Remaining(const Id& id, TimePoint now) const;  // none: no lease
  std::vector<Id> TakeLapsed(TimePoint now);                             // and forgets them
  std::size_t size() const { return leases_.size(); }

 private:
  struct Lease {
    Duration ttl;
    TimePoint until;
  };
  std::map<Id, Lease> leases_;
};

}  // namespace weft::store
