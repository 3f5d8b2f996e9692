#pragma once
// Telemetry.Report over gRPC's callback API: one reactor per stream, one write at a time, at most 64 commands
// waiting (further ones are dropped). Thread rule: gRPC's threads call in; collector and `authenticate`
// outlive the server.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/telemetry/collector.h"

namespace grpc {
class Service;
}

namespace weft::telemetry {

// As for Mesh.Connect: the value of the metadata `authorization` (empty: none) and the caller's address.
using Authenticate = std::function<Status(std::string_view authorization, const std::string& peer)>;

// `may_read`: for GetGraph and ListIssues.
std::unique_ptr<grpc::Service> MakeTelemetryService(Collector& collector, Authenticate may_report,
                                                    Authenticate may_read);

}  // namespace weft::telemetry
