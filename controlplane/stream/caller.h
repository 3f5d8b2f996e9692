#pragma once
// Who calls, as gRPC tells it, and how a stream is refused. Shared by the services of agents.

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>

#include "common/result/result.h"

namespace weft::stream {

// The value of the metadata `authorization`; empty: none.
inline std::string_view AuthorizationOf(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  return found == context.client_metadata().end()
             ? std::string_view()
             : std::string_view(found->second.data(), found->second.size());
}

// "ipv4:127.0.0.1:4711" -> "127.0.0.1:4711", "ipv6:%5B::1%5D:4711" -> "[::1]:4711".
std::string PeerOf(const grpc::CallbackServerContext& context);

grpc::Status ToGrpcStatus(const Error& error);

// Ends a stream before it begins.
template <class In, class Out>
class Refusal final : public grpc::ServerBidiReactor<In, Out> {
 public:
  explicit Refusal(const Error& error) { this->Finish(ToGrpcStatus(error)); }
  void OnDone() override { delete this; }
};

}  // namespace weft::stream
