#pragma once
// How much of one message a caller may make the gRPC server hold. gRPC 1.51 compares a message with its limit
// only when it has come whole, up to 4 GiB of it, for unary methods before anybody was asked who calls. The
// linker's --wrap (controlplane/folders.cmake) puts our function before gRPC's own that waits for the rest of
// a message: one that says to be longer than what anybody here may send ends its call at its first bytes.
// Later versions of gRPC do so themselves.

#include <cstddef>

namespace grpc {
class ServerBuilder;
}

namespace weft::control {

// What an agent with as many services as it may have says in its hello, and more; gRPC's usual limit.
inline constexpr std::size_t kMaxGrpcMessage = 4U << 20U;

// The limit above for the server; compressed messages, which may become any size, are refused. `client`:
// bytes of a message that a gRPC client of this process takes, zero: it has none that takes more than the
// limit. The greater of the two is held at most, since gRPC does not say whose stream it is.
void LimitMessages(grpc::ServerBuilder& builder, std::size_t client);

}  // namespace weft::control
