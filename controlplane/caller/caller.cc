#include "controlplane/caller/caller.h"

#include <grpcpp/grpcpp.h>

#include "common/http/message.h"
#include "common/x509/certificate.h"

namespace weft::caller {
namespace {

// "ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711".
net::Address AddressOf(std::string peer) {
  if (const auto decoded = http::PercentDecode(peer)) peer = *decoded;
  const auto colon = peer.find(':');
  const auto address =
      net::Address::Parse(std::string_view(peer).substr(colon == std::string::npos ? 0 : colon + 1));
  return address ? *address : net::Address{};
}

std::string_view First(const grpc::AuthContext& context, const char* property) {
  const auto values = context.FindPropertyValues(property);
  return values.empty() ? std::string_view() : std::string_view(values[0].data(), values[0].size());
}

grpc::StatusCode CodeOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid: return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorKind::kNotFound: return grpc::StatusCode::NOT_FOUND;
    case ErrorKind::kConflict: return grpc::StatusCode::ABORTED;
    case ErrorKind::kPreconditionFailed: return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorKind::kUnauthenticated: return grpc::StatusCode::UNAUTHENTICATED;
    case ErrorKind::kForbidden: return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorKind::kGone: return grpc::StatusCode::OUT_OF_RANGE;
    case ErrorKind::kTooLarge:
    case ErrorKind::kOverloaded: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorKind::kUnsupported: return grpc::StatusCode::UNIMPLEMENTED;
    case ErrorKind::kUnavailable: return grpc::StatusCode::UNAVAILABLE;
    case ErrorKind::kTimeout: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorKind::kInternal: break;
  }
  return grpc::StatusCode::INTERNAL;
}

}  // namespace

auth::Credentials CredentialsOf(const grpc::ServerContextBase& context) {
  auth::Credentials out;
  const auto found = context.client_metadata().find("authorization");
  if (found != context.client_metadata().end())
    out.authorization = {found->second.data(), found->second.size()};
  out.peer = AddressOf(context.peer());
  const auto shown = context.auth_context();
  if (shown != nullptr && shown->IsPeerAuthenticated()) {
    out.spiffe = First(*shown, "peer_spiffe_id");
    out.common_name = First(*shown, "x509_common_name");
    if (const auto read = x509::ReadBrief(First(*shown, "x509_pem_cert"))) {
      out.serial = read->serial;
      out.from = read->not_before;
      out.until = read->not_after;
    }
  }
  return out;
}

grpc::Status ToGrpcStatus(const Error& error) { return {CodeOf(error.kind), error.Text()}; }

}  // namespace weft::caller
