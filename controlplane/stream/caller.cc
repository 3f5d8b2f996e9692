#include "controlplane/stream/caller.h"

namespace weft::stream {
namespace {

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::string PeerOf(const grpc::CallbackServerContext& context) {
  std::string peer = context.peer();
  for (const std::string_view scheme : {"ipv4:", "ipv6:"}) {
    if (peer.starts_with(scheme)) peer.erase(0, scheme.size());
  }
  ReplaceAll(peer, "%5B", "[");
  ReplaceAll(peer, "%5D", "]");
  return peer;
}

grpc::Status ToGrpcStatus(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid: return {grpc::StatusCode::INVALID_ARGUMENT, error.Text()};
    case ErrorKind::kUnauthenticated: return {grpc::StatusCode::UNAUTHENTICATED, error.Text()};
    case ErrorKind::kForbidden: return {grpc::StatusCode::PERMISSION_DENIED, error.Text()};
    case ErrorKind::kConflict: return {grpc::StatusCode::ABORTED, error.Text()};
    case ErrorKind::kOverloaded: return {grpc::StatusCode::RESOURCE_EXHAUSTED, error.Text()};
    case ErrorKind::kUnavailable: return {grpc::StatusCode::UNAVAILABLE, error.Text()};
    default: return {grpc::StatusCode::INTERNAL, error.Text()};
  }
}

}  // namespace weft::stream
