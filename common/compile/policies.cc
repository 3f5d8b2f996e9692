#include <algorithm>

#include "common/compile/set.h"

namespace weft::compile {
namespace {

using resource::Document;

const std::string* SourceOf(const policy::Merged& merged, std::string_view field) {
  for (const policy::FieldSource& source : merged.sources) {
    if (source.field == field) return &source.source;
  }
  return nullptr;
}

}  // namespace

Policies::Policies(const Inputs& inputs, const DocumentSet& set, std::vector<Finding>& findings)
    : inputs_(inputs), set_(set), findings_(findings) {
  for (const Document* document : set.policies) {
    const std::vector<std::string>& targets = document->service_policy().targets;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const ServiceKey key{inputs.cluster, document->metadata.ns, targets[i]};
      const std::string field = "spec.targetRefs[" + std::to_string(i) + "]";
      if (!set.services.contains(key)) {
        findings.push_back(
            MakeFinding(false, "TargetNotFound", *document, field,
                        "there is no service " + key.ToString() + ", so the policy has no effect on it"));
      }
      const auto [first, is_new] = by_service_.emplace(key, document);
      if (!is_new && first->second != document) {
        findings.push_back(MakeFinding(false, "Conflicted", *document, field,
                                       first->second->Name() + " is older and governs " + key.ToString() +
                                           " alone: put both into one document"));
      }
    }
  }
  if (set.defaults != nullptr) Check(ForService({inputs.cluster, "", ""}), set.defaults);
}

std::vector<policy::Layer> Policies::Layers(const ServiceKey& key) const {
  std::vector<policy::Layer> layers{{&inputs_.environment, "environment"}};
  if (set_.defaults != nullptr) {
    layers.push_back({&set_.defaults->mesh_defaults().policy, set_.defaults->Name()});
  }
  const auto found = by_service_.find(key);
  if (found != by_service_.end()) {
    layers.push_back({&found->second->service_policy().policy, found->second->Name()});
  }
  return layers;
}

policy::Merged Policies::ForService(const ServiceKey& key) const {
  policy::Merged merged = policy::Merge(Layers(key));
  const auto found = by_service_.find(key);
  if (found != by_service_.end()) Check(merged, found->second);
  return merged;
}

policy::Merged Policies::ForRule(const ServiceKey& key, const Document& route, std::size_t rule) const {
  std::vector<policy::Layer> layers = Layers(key);
  layers.push_back({&route.http_route().rules[rule].policy, route.Name() + " rule " + std::to_string(rule)});
  policy::Merged merged = policy::Merge(layers);
  const std::size_t before = findings_.size();
  Check(merged, nullptr);
  // What contradicts the route is said about the route, in its own words.
  for (std::size_t i = before; i < findings_.size(); ++i) {
    findings_[i].field = "spec.rules[" + std::to_string(rule) + "]";
    findings_[i].resource = route.Name();
    findings_[i].where = route.Where(findings_[i].field);
  }
  std::erase_if(merged.sources, [](const policy::FieldSource& source) {
    return !source.field.starts_with("timeouts.") && !source.field.starts_with("retry.");
  });
  return merged;
}

// Contradictions between documents: each was good alone, so they are warnings; without `document` only those
// in which the strongest layer has a part.
void Policies::Check(const policy::Merged& merged, const Document* document) const {
  for (const policy::Contradiction& found : policy::FindContradictions(merged)) {
    const std::string* field_source = SourceOf(merged, found.field);
    const std::string* other_source = SourceOf(merged, found.other);
    const auto is_route = [](const std::string* source) {
      return source && source->starts_with("HTTPRoute ");
    };
    if (document == nullptr && !is_route(field_source) && !is_route(other_source)) continue;
    std::string message = found.text;
    if (field_source != nullptr && other_source != nullptr && *field_source != *other_source) {
      message += " (" + found.field + " is from " + *field_source + ", " + found.other + " from " +
                 *other_source + ")";
    }
    Finding finding;
    finding.code = "Ineffective";
    finding.message = std::move(message);
    if (document != nullptr)
      finding = MakeFinding(false, finding.code, *document, "spec." + found.field, finding.message);
    findings_.push_back(std::move(finding));
  }
}

}  // namespace weft::compile
