#pragma once
// Who calls, as gRPC tells it.

#include <grpcpp/grpcpp.h>

#include <string>
#include <string_view>

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

}  // namespace weft::stream
