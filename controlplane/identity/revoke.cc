// Taking certificates back.
#include "controlplane/auth/auth.h"
#include "controlplane/identity/authority.h"

namespace weft::identity {
namespace {

std::string WhichOf(const Revocation& one) {
  if (one.serial.empty()) return "all certificates of " + one.spiffe + " until now";
  return "the certificate " + one.serial;
}

}  // namespace

// In whole seconds, as certificates count.
WallTime Authority::BeginOf(WallTime now) const {
  return std::chrono::floor<std::chrono::seconds>(now - settings_.spans.Skew());
}

Result<Revocation> Authority::Revoke(const RevocationRequest& request, WallTime now) {
  const auto random = x509::RandomBytes(kRevocationIdBytes);
  if (!random) return random.error();
  const std::lock_guard lock(mutex_);
  const auto holder = auth::ParseSpiffe(request.spiffe, settings_.trust_domain);
  if (!request.spiffe.empty() && !holder) return Invalid(holder.error().detail, "spiffe");
  auto made = revocations_.Add(request, *random, BeginOf(now), now);
  if (!made) return made;
  const Tokens before = tokens_;
  if (holder) tokens_.RevokeOf(holder->ns, holder->service, now);
  if (auto ok = Save(); !ok) {
    tokens_ = before;
    static_cast<void>(revocations_.Remove(made->id));
    return ok.error();
  }
  revocations_now_ = revocations_.size();
  ++revoked_;
  ++generation_;
  events::Note(events_, true, "CertificateRevoked", {"ControlPlane", "", "identity"},
               WhichOf(*made) + ", by " + made->creator + (made->reason.empty() ? "" : ": " + made->reason));
  return made;
}

Status Authority::TakeBack(const std::string& revocation) {
  const std::lock_guard lock(mutex_);
  const std::vector<Revocation> before = revocations_.All();
  if (auto ok = revocations_.Remove(revocation); !ok) return ok;
  if (auto ok = Save(); !ok) {
    revocations_ = Revocations(before);
    return ok;
  }
  revocations_now_ = revocations_.size();
  ++generation_;
  return {};
}

std::vector<Revocation> Authority::ListRevocations() const {
  const std::lock_guard lock(mutex_);
  return revocations_.All();
}

Status Authority::CheckShown(const auth::Shown& shown) const {
  if (revocations_now_ == 0 || shown.serial.empty()) return {};
  const std::lock_guard lock(mutex_);
  return revocations_.Check(shown);
}

}  // namespace weft::identity
