#include "agent/identity/revoked.h"

namespace weft::identity {

x509::RevokedPtr FromProto(const RevokedProto& in) {
  std::vector<x509::Revoked> all;
  for (const v1::Revoked& one : in) {
    if (one.serial().empty() && one.spiffe().empty()) continue;
    all.push_back(
        {one.serial(), one.spiffe(), WallTime(std::chrono::milliseconds(one.last_begin_unix_ms()))});
  }
  return x509::MakeRevoked(std::move(all));
}

void ToProto(const x509::RevokedPtr& revoked, RevokedProto& out) {
  if (revoked == nullptr) return;
  for (const x509::Revoked& one : revoked->all()) {
    v1::Revoked& made = *out.Add();
    made.set_serial(one.serial);
    made.set_spiffe(one.uri);
    made.set_last_begin_unix_ms(UnixMs(one.last_begin));
  }
}

}  // namespace weft::identity
