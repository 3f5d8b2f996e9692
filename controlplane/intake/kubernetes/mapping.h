#pragma once
// A Service and its EndpointSlices as a service of the registry. Pure.
//
// Ports of TCP with their appProtocol (http, grpc, tls, kubernetes.io/h2c, …; absent: detect); cluster IPs
// are the addresses that select the service in transparent mode. An endpoint that is ready is an instance;
// one that serves and terminates is draining; the others are none. Its id is the pod's UID. In a dual-stack
// service a pod is one instance, at its address of the service's first family.

#include <map>
#include <string>
#include <vector>

#include "controlplane/intake/kubernetes/reflector.h"
#include "controlplane/intake/source.h"

namespace weft::intake::kubernetes {

// The zone of each node (label topology.kubernetes.io/zone), for endpoints whose slice says none.
using Zones = std::map<std::string, std::string>;
Zones ZonesOf(const std::map<std::string, ObjectPtr>& nodes);

// Null: it is no service with endpoints (ExternalName, no port of TCP). `before`: what the same service was,
// whose document stays when it says the same. An error: the service cannot be used.
Result<FoundPtr> Map(const Json& service, const std::vector<ObjectPtr>& slices, const FoundPtr& before,
                     const Zones& zones = {});

// The service that an EndpointSlice belongs to, as "namespace/name"; empty: none.
std::string ServiceOf(const Json& slice);

}  // namespace weft::intake::kubernetes
