#include "common/compile/unit.h"

#include <algorithm>
#include <tuple>

namespace weft::compile {

Finding MakeFinding(bool error, std::string code, const resource::Document& document, std::string field,
                    std::string message) {
  return {error, std::move(code), document.Name(), field, document.Where(field), std::move(message)};
}

void SortFindings(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.resource, a.field, a.code, a.message) <
           std::tie(b.resource, b.field, b.code, b.message);
  });
  const auto same = [](const Finding& a, const Finding& b) {
    return a.Text() == b.Text() && a.code == b.code;
  };
  findings.erase(std::unique(findings.begin(), findings.end(), same), findings.end());
}

snapshot::Endpoints MakeEndpoints(const ServiceKey& key, const resource::MeshServiceSpec& spec) {
  snapshot::Endpoints endpoints;
  endpoints.service = key;
  for (const resource::InstanceSpec& from : spec.instances) {
    snapshot::Instance& to = endpoints.instances.emplace_back();
    to.id = from.id;
    to.hash = HashBytes(from.id);
    to.address = {from.address, from.port != 0 ? from.port : spec.ports.front().port};
    to.ports = from.ports;
    // A port that neither `ports` nor `port` names is the service's own.
    for (const policy::ServicePort& port : spec.ports) {
      if (from.port == 0 && !port.name.empty()) to.ports.emplace(port.name, port.port);
    }
    to.weight = from.weight;
    to.zone = from.zone;
    to.labels = from.labels;
    to.capabilities = {from.meshed, from.http2, from.mtls};
  }
  std::sort(endpoints.instances.begin(), endpoints.instances.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return endpoints;
}

Unit CompileUnit(const Index& index, const policy::PolicySpec& environment, const ServiceKey& key) {
  Unit unit;
  const Policies policies(index, environment, key, unit.findings);
  if (key == index.Mesh()) policies.CheckDefaults();
  if (const resource::Document* service = index.FindService(key)) {
    policy::Merged merged = policies.ForService();
    unit.bundle.emplace();
    unit.bundle->key = key;
    unit.bundle->ports = service->mesh_service().ports;
    unit.bundle->addresses = service->mesh_service().addresses;
    unit.bundle->policy = std::move(merged.policy);
    unit.bundle->sources = std::move(merged.sources);
    unit.endpoints = MakeEndpoints(key, service->mesh_service());
  }
  AttachRoutes(index, policies, key, unit);
  return unit;
}

}  // namespace weft::compile
