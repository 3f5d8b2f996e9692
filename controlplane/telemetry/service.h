#pragma once
// Telemetry.Report over gRPC's callback API: one reactor per stream, one write at a time, at most 64 commands
// waiting (further ones are dropped). Thread rule: gRPC's threads call in; collector and `authenticate`
// outlive the server.

#include <functional>
#include <memory>

#include "controlplane/auth/auth.h"
#include "controlplane/telemetry/collector.h"

namespace grpc {
class Service;
template <class Message>
class ServerWriteReactor;
class CallbackServerContext;
}  // namespace grpc

namespace weft::telemetry {

// Checks its callers itself.
using EventStream = std::function<grpc::ServerWriteReactor<v1::Event>*(grpc::CallbackServerContext&,
                                                                       const v1::WatchEventsRequest&)>;

// As for Mesh.Connect; `good`, where there is one, is asked of the certificate with each report. `may_read`:
// for GetGraph and ListIssues. `events` answers WatchEvents; empty: UNIMPLEMENTED.
std::unique_ptr<grpc::Service> MakeTelemetryService(Collector& collector, auth::Authenticate may_report,
                                                    auth::Authenticate may_read, EventStream events = {},
                                                    auth::CheckShown good = {});

}  // namespace weft::telemetry
