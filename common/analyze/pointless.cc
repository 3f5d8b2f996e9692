#include <algorithm>

#include "common/analyze/checks.h"

namespace weft::analyze {
namespace {

using policy::Protocol;

// Whether connections to the port may be what the route reads. A TCPRoute also takes TLS.
bool Reaches(const policy::Route& route, const policy::ServicePort& port) {
  if (route.parent_port != 0 && port.port != route.parent_port) return false;
  const bool tcp = port.protocol == Protocol::kTcp, tls = port.protocol == Protocol::kTls;
  switch (route.kind) {
    case policy::RouteKind::kHttp:
    case policy::RouteKind::kGrpc: return !tcp && !tls;
    case policy::RouteKind::kTls: return tls || port.protocol == Protocol::kDetect;
    case policy::RouteKind::kTcp: return tcp || tls || port.protocol == Protocol::kDetect;
  }
  return true;
}

std::string WhyNot(policy::RouteKind kind) {
  switch (kind) {
    case policy::RouteKind::kHttp:
    case policy::RouteKind::kGrpc: return " declares its port TCP or TLS, whose bytes are relayed unread";
    case policy::RouteKind::kTls:
      return " declares its port other than TLS, where no ClientHello is looked for";
    case policy::RouteKind::kTcp: break;
  }
  return " declares its port HTTP, whose requests follow an HTTPRoute";
}

void FindNoWeight(const resource::Document& route, Findings& findings) {
  const auto& rules = route.http_route().rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& backends = rules[i].backends;
    const bool none = std::all_of(backends.begin(), backends.end(),
                                  [](const auto& backend) { return backend.weight == 0; });
    if (backends.empty() || !none) continue;
    const bool http = route.kind == resource::Kind::kHttpRoute || route.kind == resource::Kind::kGrpcRoute;
    Warn(findings, "NoWeight", route, "spec.rules[" + std::to_string(i) + "].backendRefs",
         std::string("each has weight 0: its ") +
             (http ? "requests are answered with 500" : "connections are closed") + "; give one a weight");
  }
}

void FindDrained(const resource::Document& service, Findings& findings) {
  const auto& instances = service.mesh_service().instances;
  const bool all =
      std::all_of(instances.begin(), instances.end(), [](const auto& i) { return i.weight == 0; });
  if (instances.empty() || !all) return;
  Warn(findings, "Drained", service, "spec.instances",
       "each has weight 0: unless others register, requests are answered with 503");
}

// A route that is bound to ports where nobody asks it.
void FindUnasked(const Subject& subject, const policy::ServiceBundle& bundle, Findings& findings) {
  for (const policy::Route& route : bundle.routes) {
    const bool asked = std::any_of(bundle.ports.begin(), bundle.ports.end(),
                                   [&](const auto& port) { return Reaches(route, port); });
    if (asked) continue;
    const char* code = policy::ReadsRequests(route.kind) ? "NotHttp" : "NotOpaque";
    Warn(findings, code, *subject.Find(policy::ToString(route.kind), route.name), "spec.parentRefs",
         bundle.key.ToString() + WhyNot(route.kind) + ": the route has no effect there");
  }
}

}  // namespace

void FindPointless(const Subject& subject, Findings& findings) {
  for (const auto& [name, document] : subject.by_name) {
    if (document->is_route()) FindNoWeight(*document, findings);
    if (document->kind == resource::Kind::kMeshService) FindDrained(*document, findings);
  }
  for (const auto& [key, bundle] : subject.compiled.bundles) FindUnasked(subject, bundle, findings);
}

}  // namespace weft::analyze
