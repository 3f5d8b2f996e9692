#include "common/compile/compile.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "common/compile/set.h"

namespace weft::compile {
namespace {

using resource::Document;

auto OrderOf(const Document* document) {
  const resource::Metadata& meta = document->metadata;
  // Without a time of creation a document counts as the youngest.
  const std::int64_t created = meta.created == 0 ? std::numeric_limits<std::int64_t>::max() : meta.created;
  return std::make_tuple(created, std::string_view(meta.ns), std::string_view(meta.name));
}

void SortByAge(std::vector<const Document*>& documents) {
  std::sort(documents.begin(), documents.end(),
            [](const Document* a, const Document* b) { return OrderOf(a) < OrderOf(b); });
}

// Every document once; of two with one name neither may win silently.
std::vector<const Document*> Unique(const Inputs& inputs, std::vector<Finding>& findings) {
  std::map<std::string, const Document*> seen;
  std::vector<const Document*> unique;
  for (const resource::DocumentPtr& document : inputs.documents) {
    const auto [first, is_new] = seen.emplace(document->Name(), document.get());
    if (is_new) {
      unique.push_back(document.get());
    } else {
      findings.push_back(MakeFinding(
          true, "Duplicate", *document, "metadata.name",
          "stands twice, first at " + first->second->Where("metadata.name") + ": remove one or rename it"));
    }
  }
  return unique;
}

policy::ServiceBundle MakeBundle(const ServiceKey& key, const resource::MeshServiceSpec& spec,
                                 const Policies& policies) {
  policy::ServiceBundle bundle;
  bundle.key = key;
  bundle.ports = spec.ports;
  policy::Merged merged = policies.ForService(key);
  bundle.policy = std::move(merged.policy);
  bundle.sources = std::move(merged.sources);
  return bundle;
}

}  // namespace

std::string Finding::Text() const {
  std::string text;
  for (const std::string* part : {&where, &resource, &field}) {
    if (!part->empty() && (part != &resource || resource != where)) text.append(*part).append(": ");
  }
  return text + message;
}

bool Output::ok() const {
  return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) { return finding.error; });
}

Finding MakeFinding(bool error, std::string code, const Document& document, std::string field,
                    std::string message) {
  return {error, std::move(code), document.Name(), field, document.Where(field), std::move(message)};
}

DocumentSet Sort(const Inputs& inputs, std::vector<Finding>& findings) {
  DocumentSet set;
  for (const Document* document : Unique(inputs, findings)) {
    const resource::Metadata& meta = document->metadata;
    switch (document->kind) {
      case resource::Kind::kMeshService:
        set.services.emplace(ServiceKey{inputs.cluster, meta.ns, meta.name}, document);
        break;
      case resource::Kind::kHttpRoute: set.routes.push_back(document); break;
      case resource::Kind::kServicePolicy: set.policies.push_back(document); break;
      case resource::Kind::kMeshDefaults: set.defaults = document; break;
    }
  }
  SortByAge(set.routes);
  SortByAge(set.policies);
  return set;
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
  }
  std::sort(endpoints.instances.begin(), endpoints.instances.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return endpoints;
}

Output Compile(const Inputs& inputs) {
  Output output;
  const DocumentSet set = Sort(inputs, output.findings);
  const Policies policies(inputs, set, output.findings);
  for (const auto& [key, document] : set.services) {
    output.bundles.emplace(key, MakeBundle(key, document->mesh_service(), policies));
    output.endpoints.emplace(key, MakeEndpoints(key, document->mesh_service()));
  }
  AttachRoutes(inputs, set, policies, output);
  std::stable_sort(output.findings.begin(), output.findings.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.resource, a.field, a.code, a.message) <
           std::tie(b.resource, b.field, b.code, b.message);
  });
  const auto same = [](const Finding& a, const Finding& b) {
    return a.Text() == b.Text() && a.code == b.code;
  };
  output.findings.erase(std::unique(output.findings.begin(), output.findings.end(), same),
                        output.findings.end());
  return output;
}

}  // namespace weft::compile
