// What may be asked of the mesh's CA.
#include "controlplane/api/api.h"

namespace weft::api {
namespace {

Error NoCa() {
  return {ErrorKind::kNotFound, "weft-control runs without a CA; start it with --identity", {}, {}};
}

// Zero stands for "never" in messages.
std::int64_t MsOr0(WallTime at) { return at == WallTime() ? 0 : UnixMs(at); }

v1::MeshRoot ToProto(const identity::RootLook& root) {
  v1::MeshRoot out;
  out.set_fingerprint(root.fingerprint);
  out.set_state(root.state);
  out.set_not_after_unix_ms(UnixMs(root.not_after));
  out.set_issues_from_unix_ms(UnixMs(root.issues_from));
  if (root.distrust) out.set_distrust_unix_ms(UnixMs(*root.distrust));
  out.set_external(root.external);
  return out;
}

v1::IdentityState Describe(const identity::Authority& ca) {
  const WallTime now = ReadWallClock();
  v1::IdentityState out;
  out.set_trust_domain(ca.settings().trust_domain);
  out.set_roots_pem(ca.Bundle());
  for (const identity::RootLook& root : ca.ListRoots(now)) *out.add_roots() = ToProto(root);
  out.set_certificate_lifetime_ms(
      std::chrono::duration_cast<std::chrono::milliseconds>(ca.settings().spans.leaf).count());
  const identity::Counts counts = ca.counts(now);
  out.set_joins(counts.joins);
  out.set_renewals(counts.renewals);
  out.set_refused(counts.refused);
  return out;
}

v1::JoinToken ToProto(const identity::Token& token) {
  v1::JoinToken out;
  out.set_id(token.id);
  out.set_namespace_(token.ns);
  out.set_service(token.service);
  out.set_node(token.node);
  out.set_creator(token.creator);
  out.set_state(std::string(token.State(ReadWallClock())));
  out.set_created_unix_ms(UnixMs(token.created));
  out.set_expires_unix_ms(UnixMs(token.expires));
  out.set_used_unix_ms(MsOr0(token.used));
  out.set_uses(token.uses);
  out.set_most_uses(token.most_uses);
  return out;
}

v1::Revocation ToProto(const identity::Revocation& revocation) {
  v1::Revocation out;
  out.set_id(revocation.id);
  out.set_serial(revocation.serial);
  out.set_spiffe(revocation.spiffe);
  out.set_reason(revocation.reason);
  out.set_creator(revocation.creator);
  out.set_created_unix_ms(UnixMs(revocation.created));
  return out;
}

}  // namespace

Result<v1::IdentityState> Api::Handle(const Principal&, const v1::GetIdentityRequest&) {
  if (ca_ == nullptr) return NoCa();
  return Describe(*ca_);
}

Result<v1::IdentityState> Api::Handle(const Principal&, const v1::RotateRootRequest&) {
  if (ca_ == nullptr) return NoCa();
  if (auto ok = ca_->Rotate(ReadWallClock()); !ok) return ok.error();
  return Describe(*ca_);
}

Result<v1::JoinToken> Api::Handle(const Principal& principal, const v1::CreateJoinTokenRequest& request) {
  if (ca_ == nullptr) return NoCa();
  constexpr std::int64_t kMostMs = 1LL << 40;  // beyond what is allowed, below what would overflow
  const std::int64_t ms = std::clamp<std::int64_t>(request.ttl_ms(), -1, kMostMs);
  auto made = ca_->MakeToken({request.namespace_(), request.service(), request.node(),
                              std::chrono::milliseconds(ms), principal.name, request.most_uses()},
                             ReadWallClock());
  if (!made) return made.error();
  v1::JoinToken out = ToProto(made->token);
  out.set_token(made->text);
  return out;
}

Result<v1::ListJoinTokensResponse> Api::Handle(const Principal&, const v1::ListJoinTokensRequest& request) {
  if (ca_ == nullptr) return NoCa();
  v1::ListJoinTokensResponse out;
  for (const identity::Token& token : ca_->ListTokens()) {
    if (request.namespace_().empty() || request.namespace_() == token.ns) *out.add_tokens() = ToProto(token);
  }
  return out;
}

Result<v1::RevokeJoinTokenResponse> Api::Handle(const Principal&, const v1::RevokeJoinTokenRequest& request) {
  if (ca_ == nullptr) return NoCa();
  if (auto ok = ca_->RevokeToken(request.id(), ReadWallClock()); !ok) return ok.error();
  return v1::RevokeJoinTokenResponse();
}

Result<v1::Revocation> Api::Handle(const Principal& principal, const v1::RevokeRequest& request) {
  if (ca_ == nullptr) return NoCa();
  auto made =
      ca_->Revoke({request.serial(), request.spiffe(), request.reason(), principal.name}, ReadWallClock());
  if (!made) return made.error();
  return ToProto(*made);
}

Result<v1::ListRevocationsResponse> Api::Handle(const Principal&, const v1::ListRevocationsRequest&) {
  if (ca_ == nullptr) return NoCa();
  v1::ListRevocationsResponse out;
  for (const identity::Revocation& one : ca_->ListRevocations()) *out.add_revocations() = ToProto(one);
  return out;
}

Result<v1::TakeBackRevocationResponse> Api::Handle(const Principal&,
                                                   const v1::TakeBackRevocationRequest& request) {
  if (ca_ == nullptr) return NoCa();
  if (auto ok = ca_->TakeBack(request.id()); !ok) return ok.error();
  return v1::TakeBackRevocationResponse();
}

}  // namespace weft::api
