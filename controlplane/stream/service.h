#pragma once
// Mesh.Connect over gRPC's callback API: one reactor per stream, one write at a time, messages from the hub.
// Thread rule: gRPC's threads call in; the hub and `authenticate` must outlive the server.

#include <memory>

#include "controlplane/auth/auth.h"
#include "controlplane/identity/authority.h"
#include "controlplane/stream/hub.h"

namespace grpc {
class Service;
}

namespace weft::stream {

// `ca` answers requests for certificates; null: there is none. A caller with a join token (Principal::join)
// gets its certificate and nothing else, and its stream ends. A stream ends when the certificate of its
// caller does, unless it was renewed. An error of `authenticate` ends the stream UNAUTHENTICATED or
// PERMISSION_DENIED, as does a hello of a node for which the caller may not speak.
std::unique_ptr<grpc::Service> MakeMeshService(Hub& hub, auth::Authenticate authenticate,
                                               identity::Authority* ca = nullptr);

}  // namespace weft::stream
