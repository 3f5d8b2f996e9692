#include <algorithm>

#include "common/analyze/checks.h"

namespace weft::analyze {
namespace {

using policy::Protocol;

bool IsOpaque(const policy::ServicePort& port) {
  return port.protocol == Protocol::kTcp || port.protocol == Protocol::kTls;
}

void FindNoWeight(const resource::Document& route, Findings& findings) {
  const auto& rules = route.http_route().rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& backends = rules[i].backends;
    const bool none = std::all_of(backends.begin(), backends.end(),
                                  [](const auto& backend) { return backend.weight == 0; });
    if (backends.empty() || !none) continue;
    Warn(findings, "NoWeight", route, "spec.rules[" + std::to_string(i) + "].backendRefs",
         "each has weight 0: its requests are answered with 500; give one a weight");
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

// A route that is bound to ports whose bytes nobody reads as HTTP.
void FindNotHttp(const Subject& subject, const policy::ServiceBundle& bundle, Findings& findings) {
  for (const policy::Route& route : bundle.routes) {
    const bool useless = std::all_of(bundle.ports.begin(), bundle.ports.end(), [&](const auto& port) {
      return IsOpaque(port) || (route.parent_port != 0 && port.port != route.parent_port);
    });
    if (!useless) continue;
    Warn(findings, "NotHttp", *subject.Find("HTTPRoute", route.name), "spec.parentRefs",
         bundle.key.ToString() +
             " declares its port TCP or TLS, whose bytes are relayed unread: the route has no "
             "effect there");
  }
}

}  // namespace

void FindPointless(const Subject& subject, Findings& findings) {
  for (const auto& [name, document] : subject.by_name) {
    if (document->kind == resource::Kind::kHttpRoute) FindNoWeight(*document, findings);
    if (document->kind == resource::Kind::kMeshService) FindDrained(*document, findings);
  }
  for (const auto& [key, bundle] : subject.compiled.bundles) FindNotHttp(subject, bundle, findings);
}

}  // namespace weft::analyze
