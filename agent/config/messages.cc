#include "agent/config/messages.h"

#include "agent/identity/revoked.h"
#include "common/wire/wire.h"

namespace weft::config {
namespace {

v1::HeldService ToHeld(const HeldVersion& held) {
  v1::HeldService out;
  *out.mutable_service() = wire::ToProto(held.service);
  out.set_bundle_hash(held.hash);
  out.set_endpoints_store_id(held.endpoints_store);
  out.set_endpoints_epoch(held.endpoints_epoch);
  out.set_endpoints_version(held.endpoints_version);
  out.set_endpoints_hash(held.endpoints_hash);
  return out;
}

}  // namespace

v1::AgentMessage MakeHello(const GrpcLinkOptions& options, const Holding& holding) {
  v1::AgentMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node_id(options.node_id);
  if (options.cluster != "local") hello.set_cluster(options.cluster);
  hello.set_namespace_(options.ns);
  hello.set_service(options.service);
  hello.set_zone(options.zone);
  for (const auto& [name, value] : options.labels) {
    v1::Label& label = *hello.add_labels();
    label.set_name(name);
    label.set_value(value);
  }
  hello.set_program_version(options.program_version);
  if (holding.version) *hello.mutable_version() = wire::ToProto(*holding.version);
  for (const HeldVersion& held : holding.services) *hello.add_held() = ToHeld(held);
  hello.set_resync_pending(holding.awaiting);
  hello.set_wants_identity(options.keeper != nullptr);
  return message;
}

v1::AgentMessage MakeAckMessage(const Acknowledgement& ack) {
  v1::AgentMessage message;
  v1::Ack& out = *message.mutable_ack();
  out.set_sequence(ack.sequence);
  if (ack.target) *out.mutable_target() = wire::ToProto(*ack.target);
  if (ack.effective) *out.mutable_effective() = wire::ToProto(*ack.effective);
  for (const snapshot::Accepted& accepted : ack.accepted) {
    v1::BundleAck& one = *out.add_accepted();
    *one.mutable_service() = wire::ToProto(accepted.service);
    one.set_hash(accepted.hash);
  }
  for (const snapshot::Refusal& refusal : ack.rejected) *out.add_rejected() = wire::ToProto(refusal);
  if (ack.refused) {
    out.set_refused_field(ack.refused->field);
    out.set_refused(ack.refused->detail);
  }
  out.set_awaiting_confirmation(ack.awaiting);
  for (const HeldVersion& held : ack.behind) *out.add_effective_services() = ToHeld(held);
  return message;
}

v1::AgentMessage MakeSubscribe(std::span<const ServiceKey> keys) {
  v1::AgentMessage message;
  for (const ServiceKey& key : keys) *message.mutable_subscribe()->add_services() = wire::ToProto(key);
  return message;
}

v1::AgentMessage MakeUnsubscribe(std::span<const ServiceKey> keys) {
  v1::AgentMessage message;
  for (const ServiceKey& key : keys) *message.mutable_unsubscribe()->add_services() = wire::ToProto(key);
  return message;
}

v1::AgentMessage MakeFindAddress(const net::Address& address) {
  v1::AgentMessage message;
  message.mutable_find_address()->add_addresses(address.ToString());
  return message;
}

v1::AgentMessage MakeCertificateRequest(const std::string& csr) {
  v1::AgentMessage message;
  message.mutable_certificate_request()->set_csr(csr);
  return message;
}

identity::Offer FromProto(const v1::IdentityOffer& offer) {
  return {offer.trust_domain(), offer.roots_pem(), offer.nonce(), identity::FromProto(offer.revoked())};
}

identity::Answer FromProto(const v1::Certificate& certificate) {
  std::string refused = certificate.refused();
  if (refused.empty() && certificate.chain_pem().empty()) refused = "the answer holds no certificate";
  return {certificate.chain_pem(), Duration(certificate.lifetime_ns()), std::move(refused)};
}

Command FromProto(const v1::Command& command) {
  Command out;
  if (command.has_accept_resync()) {
    out.kind = Command::Kind::kAcceptResync;
    out.store_id = command.accept_resync().store_id();
  } else {
    out.deadline = Duration(std::max<std::int64_t>(0, command.drain().deadline_ns()));
  }
  return out;
}

}  // namespace weft::config
