#pragma once
// Who calls, as gRPC tells it, for the authenticator. Thread rule: pure.

#include <string>
#include <string_view>

#include "controlplane/auth/auth.h"

namespace grpc {
class ServerContextBase;
class Status;
}  // namespace grpc

namespace weft::caller {

// The metadata `authorization`, the address, and of a verified client certificate its SPIFFE id, common
// name, serial number and times. With views into the context.
auth::Credentials CredentialsOf(const grpc::ServerContextBase& context);

grpc::Status ToGrpcStatus(const Error& error);

}  // namespace weft::caller
