#include "controlplane/api/filter.h"

#include "common/resource/document.h"

namespace weft::api {

bool Takes(const resource::Selector& selector, const Labels& labels) {
  return selector.Matches([&](const std::string& key) {
    const auto found = labels.find(key);
    return found == labels.end() ? nullptr : &found->second;
  });
}

bool Filter::Takes(const store::Key& key, const Labels& labels_of) const {
  if ((!kind.empty() && key.kind != kind) || (!ns.empty() && key.ns != ns)) return false;
  const auto field = [&](const std::string& name) {
    return name == "kind" ? &key.kind : name == "metadata.name" ? &key.name : &key.ns;
  };
  return fields.Matches(field) && api::Takes(labels, labels_of);
}

Result<Filter> MakeFilter(const std::string& kind, const std::string& ns, const std::string& label_selector,
                          const std::string& field_selector) {
  Filter filter;
  filter.ns = ns;
  if (!kind.empty()) {
    const auto parsed = resource::ParseKind(kind);
    if (!parsed) return Error{parsed.error().kind, parsed.error().detail, "kind", {}};
    filter.kind = resource::ToString(*parsed);
  }
  auto labels = resource::Selector::ParseLabels(label_selector, "labelSelector");
  if (!labels) return labels.error();
  auto fields = resource::Selector::ParseFields(field_selector, "fieldSelector",
                                                {"metadata.name", "metadata.namespace", "kind"});
  if (!fields) return fields.error();
  filter.labels = std::move(*labels);
  filter.fields = std::move(*fields);
  return filter;
}

Result<store::Key> PageStart(const std::string& from) {
  store::Key key;
  if (from.empty()) return key;
  const auto blank = from.find(' ');
  if (blank == std::string::npos)
    return Invalid("'" + from + "' is no such mark; send what the page before said", "continue");
  key.kind = from.substr(0, blank);
  key.name = from.substr(blank + 1);
  if (const auto slash = key.name.find('/'); slash != std::string::npos) {
    key.ns = key.name.substr(0, slash);
    key.name.erase(0, slash + 1);
  }
  return key;
}

}  // namespace weft::api
