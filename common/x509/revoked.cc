#include "common/x509/revoked.h"

#include <algorithm>

namespace weft::x509 {

RevokedSet::RevokedSet(std::vector<Revoked> all) : all_(std::move(all)) {
  for (const Revoked& one : all_) {
    if (!one.serial.empty()) {
      serials_.insert(one.serial);
    } else {
      WallTime& last = last_begin_.try_emplace(one.uri, one.last_begin).first->second;
      last = std::max(last, one.last_begin);
    }
  }
}

bool RevokedSet::Has(const Certificate& shown) const {
  if (serials_.contains(shown.serial)) return true;
  const auto holder = last_begin_.find(shown.uri);
  return holder != last_begin_.end() && shown.not_before <= holder->second;
}

RevokedPtr MakeRevoked(std::vector<Revoked> all) {
  return all.empty() ? nullptr : std::make_shared<const RevokedSet>(std::move(all));
}

bool IsSame(const RevokedPtr& a, const RevokedPtr& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->all() == b->all();
}

}  // namespace weft::x509
