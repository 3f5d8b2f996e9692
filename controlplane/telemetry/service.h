#pragma once
// Telemetry.Report over gRPC's callback API: one reactor per stream, one write at a time, at most 64 commands
// waiting (further ones are dropped). Thread rule: gRPC's threads call in; collector and `authenticate`
// outlive the server.

#include <memory>

#include "controlplane/auth/auth.h"
#include "controlplane/telemetry/collector.h"

namespace grpc {
class Service;
}

namespace weft::telemetry {

// As for Mesh.Connect. `may_read`: for GetGraph and ListIssues.
std::unique_ptr<grpc::Service> MakeTelemetryService(Collector& collector, auth::Authenticate may_report,
                                                    auth::Authenticate may_read);

}  // namespace weft::telemetry
