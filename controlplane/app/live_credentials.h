#pragma once
// TLS of a gRPC server whose certificate and roots may change with each connection, from memory: gRPC's C++
// interface knows watched files only, its C interface asks back.

#include <functional>
#include <memory>

#include "common/http/tls/context.h"

namespace grpc {
class ServerCredentials;
}

namespace weft::control {

// They must outlive the server. `source` is asked for each connection, by any thread. Client certificates are
// asked for and verified, none is well too.
std::shared_ptr<grpc::ServerCredentials> MakeLiveCredentials(
    std::function<std::shared_ptr<const http::tls::Pem>()> source);

}  // namespace weft::control
