#pragma once
// Registry and Config on 15010: the same handlers as REST, one thin method per rpc. The principal comes from
// the metadata `authorization` and the peer's address. Thread rule: gRPC's threads call in; api and
// authenticator outlive the server.

#include <memory>
#include <vector>

#include "controlplane/api/api.h"

namespace grpc {
class Service;
template <class Message>
class ServerWriteReactor;
class CallbackServerContext;
}  // namespace grpc

namespace weft::api {

std::vector<std::unique_ptr<grpc::Service>> MakeGrpcServices(Api& api, auth::Authenticator& authenticator);

// Telemetry.WatchEvents, which another folder's service passes on.
using EventStream = std::function<grpc::ServerWriteReactor<v1::Event>*(grpc::CallbackServerContext&,
                                                                       const v1::WatchEventsRequest&)>;
EventStream MakeEventStream(Api& api, auth::Authenticator& authenticator);

}  // namespace weft::api
