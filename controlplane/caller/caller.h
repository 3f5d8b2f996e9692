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

// The metadata `authorization`, the address, and of a verified client certificate its SPIFFE id and common
// name. Views into the context.
auth::Credentials CredentialsOf(const grpc::ServerContextBase& context);

// The verified client certificate, PEM; empty: none was shown.
std::string CertificateOf(const grpc::ServerContextBase& context);

grpc::Status ToGrpcStatus(const Error& error);

}  // namespace weft::caller
