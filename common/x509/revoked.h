#pragma once
// Certificates that are good no longer although they have not ended, as those hear of them who judge peers:
// one by its serial number, or all of a holder that begin no later than a time. Who revoked them and why is
// the control plane's (controlplane/identity/revocations.h). Thread rule: a set is immutable.

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/x509/certificate.h"

namespace weft::x509 {

struct Revoked {
  std::string serial;   // as of Certificate; empty: all of `uri`
  std::string uri;      // empty: one by its serial number
  WallTime last_begin;  // of those of `uri`
  friend bool operator==(const Revoked&, const Revoked&) = default;
};

class RevokedSet {
 public:
  explicit RevokedSet(std::vector<Revoked> all);

  bool Has(const Certificate& shown) const;
  const std::vector<Revoked>& all() const { return all_; }

 private:
  std::vector<Revoked> all_;
  std::unordered_set<std::string> serials_;
  std::unordered_map<std::string, WallTime> last_begin_;  // by holder
};
using RevokedPtr = std::shared_ptr<const RevokedSet>;

// Null: nothing is revoked.
RevokedPtr MakeRevoked(std::vector<Revoked> all);
bool IsSame(const RevokedPtr& a, const RevokedPtr& b);  // by content

}  // namespace weft::x509
