#pragma once
// Which documents a list or a watch is about, and where its pages begin. Pure.

#include <algorithm>

#include "common/resource/selector.h"
#include "controlplane/store/store.h"

namespace weft::api {

using Labels = std::map<std::string, std::string>;

struct Filter {
  std::string kind;  // "HTTPRoute"; empty: every kind
  std::string ns;    // empty: every namespace
  resource::Selector labels, fields;

  bool Takes(const store::Key& key, const Labels& labels_of) const;
  store::Key First() const { return {kind, {}, {}}; }  // nothing before it is taken
  bool MayCome(const store::Key& key) const {
    return kind.empty() || key.kind == kind;
  }  // in the order of keys
};

// `kind` also plural and lower case. Errors name the field as REST writes it.
Result<Filter> MakeFilter(const std::string& kind, const std::string& ns, const std::string& label_selector,
                          const std::string& field_selector);
template <class Request>
Result<Filter> MakeFilter(const Request& request) {
  return MakeFilter(request.kind(), request.namespace_(), request.label_selector(), request.field_selector());
}

bool Takes(const resource::Selector& selector, const Labels& labels);

// What `next` of a page said: "HTTPRoute default/cart" or "MeshDefaults default".
Result<store::Key> PageStart(const std::string& from);

inline std::uint32_t PageSize(std::uint32_t limit) { return limit == 0 ? 500 : std::min(limit, 5000U); }

}  // namespace weft::api
