#pragma once
// Link's plain types to the messages of the control stream. Thread rule: pure functions.

#include "agent/config/grpc_link.h"
#include "weft/v1/mesh.pb.h"

namespace weft::config {

v1::AgentMessage MakeHello(const GrpcLinkOptions& options, const Holding& holding);
v1::AgentMessage MakeAckMessage(const Acknowledgement& ack);
v1::AgentMessage MakeSubscribe(std::span<const ServiceKey> keys);
v1::AgentMessage MakeUnsubscribe(std::span<const ServiceKey> keys);
v1::AgentMessage MakeFindAddress(const net::Address& address);
v1::AgentMessage MakeCertificateRequest(const std::string& csr);
Command FromProto(const v1::Command& command);
identity::Offer FromProto(const v1::IdentityOffer& offer);
identity::Answer FromProto(const v1::Certificate& certificate);

}  // namespace weft::config
