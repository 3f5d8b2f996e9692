#pragma once
// What the gRPC listener is built with: settings for ten thousand connections that are idle most of the time.

namespace grpc {
class ServerBuilder;
}

namespace weft::control {

void TuneForManyAgents(grpc::ServerBuilder& builder);

void TuneProcessForManyAgents();  // before its threads begin

// Raises the limit of descriptors to what the system allows: each agent takes one. Returns it.
unsigned long RaiseDescriptorLimit();

}  // namespace weft::control
