#include "agent/connection/reach.h"

#include <utility>

namespace weft::connection {
namespace {

policy::Mtls ModeOf(const engine::Target& target) {
  return target.application ? policy::Mtls::kOff : target.backend->policy->mtls;
}

}  // namespace

Protection ProtectionOf(const Io& io, const engine::Target& target) {
  const policy::Mtls mode = ModeOf(target);
  if (mode == policy::Mtls::kOff) return Protection::kPlain;
  if (target.mtls && io.tls != nullptr && io.tls->Usable() != nullptr) return Protection::kMtls;
  return mode == policy::Mtls::kStrict ? Protection::kNone : Protection::kPlain;
}

bool StillFits(const Io& io, const engine::Target& target, bool secured) {
  const policy::Mtls mode = ModeOf(target);
  if (mode == policy::Mtls::kOff) return !secured;
  if (mode == policy::Mtls::kStrict || secured) return secured && target.mtls;
  return !target.mtls || io.tls == nullptr || io.tls->Usable() == nullptr;
}

Reached Reach(const Io& io, const engine::Target& target) {
  Reached out;
  const Protection protection = ProtectionOf(io, target);
  if (protection == Protection::kNone) {
    out.reason = Reason::kNoIdentity;
    return out;
  }
  Result<std::unique_ptr<transport::Transport>> plain = transport::Connect(target.address);
  if (!plain) {
    out.reason = Reason::kConnectFailed;
    return out;
  }
  out.transport = std::move(*plain);
  if (protection == Protection::kPlain) return out;
  const ServiceKey& service = target.backend->key.service;
  tls::ContextPtr context = io.tls->Usable();
  std::string expected = tls::IdentityOf(context->domain(), service.ns, service.name);
  out.transport = io.tls->Client(std::move(out.transport), std::move(context), std::move(expected));
  out.secured = true;
  return out;
}

}  // namespace weft::connection
