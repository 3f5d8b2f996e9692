#include <algorithm>

#include "common/compile/unit.h"

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

Policies::Policies(const Index& index, const policy::PolicySpec& environment, const ServiceKey& key,
                   std::vector<Finding>& findings)
    : index_(index), environment_(environment), findings_(findings) {
  const bool exists = index.FindService(key) != nullptr;
  for (const resource::DocumentPtr& document : index.PoliciesOf(key)) {
    if (governing_ == nullptr) governing_ = document.get();
    const std::vector<std::string>& targets = document->service_policy().targets;
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (targets[i] != key.name) continue;
      const std::string field = "spec.targetRefs[" + std::to_string(i) + "]";
      if (!exists) {
        findings.push_back(
            MakeFinding(false, "TargetNotFound", *document, field,
                        "there is no service " + key.ToString() + ", so the policy has no effect on it"));
      }
      if (governing_ != document.get()) {
        findings.push_back(MakeFinding(false, "Conflicted", *document, field,
                                       governing_->Name() + " is older and governs " + key.ToString() +
                                           " alone: put both into one document"));
      }
    }
  }
}

void Policies::CheckDefaults() const {
  if (index_.defaults() != nullptr) Check(policy::Merge(Layers()), index_.defaults());
}

std::vector<policy::Layer> Policies::Layers() const {
  std::vector<policy::Layer> layers{{&environment_, "environment"}};
  if (const Document* defaults = index_.defaults())
    layers.push_back({&defaults->mesh_defaults().policy, defaults->Name()});
  if (governing_ != nullptr) layers.push_back({&governing_->service_policy().policy, governing_->Name()});
  return layers;
}

policy::Merged Policies::ForService() const {
  policy::Merged merged = policy::Merge(Layers());
  if (governing_ != nullptr) Check(merged, governing_);
  return merged;
}

policy::Merged Policies::ForRule(const Document& route, std::size_t rule) const {
  std::vector<policy::Layer> layers = Layers();
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
      return source && source->find("Route ") != std::string::npos;
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
