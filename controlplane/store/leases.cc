#include "controlplane/store/leases.h"

namespace weft::store {

void Leases::Grant(const Id& id, Duration ttl, TimePoint now) {
  if (ttl <= Duration::zero()) return Drop(id);
  leases_[id] = {ttl, now + ttl};
}

bool Leases::Renew(const Id& id, TimePoint now) {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return false;
  found->second.until = now + found->second.ttl;
  return true;
}

std::optional<Duration> Leases::Remaining(const Id& id, TimePoint now) const {
  const auto found = leases_.find(id);
  if (found == leases_.end()) return std::nullopt;
  return std::max(found->second.until - now, Duration::zero());
}

std::vector<Leases::Id> Leases::TakeLapsed(TimePoint now) {
  std::vector<Id> lapsed;
  for (auto next = leases_.begin(); next != leases_.end();) {
    if (now < next->second.until) {
      ++next;
      continue;
    }
    lapsed.push_back(next->first);
    next = leases_.erase(next);
  }
  return lapsed;
}

}  // namespace weft::store
