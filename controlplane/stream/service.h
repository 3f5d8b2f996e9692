#pragma once
// Mesh.Connect over gRPC's callback API: one reactor per stream, one write at a time, messages from the hub.
// Thread rule: gRPC's threads call in; the hub and `authenticate` must outlive the server.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/stream/hub.h"

namespace grpc {
class Service;
}

namespace weft::stream {

// What is known of a caller before its stream begins: the value of the metadata `authorization` ("Bearer …",
// empty: none) and its address ("127.0.0.1:4711"). An error ends the stream UNAUTHENTICATED or
// PERMISSION_DENIED.
using Authenticate = std::function<Status(std::string_view authorization, const std::string& peer)>;

std::unique_ptr<grpc::Service> MakeMeshService(Hub& hub, Authenticate authenticate);

}  // namespace weft::stream
