#pragma once
// The kinds that get, describe and delete know, by every name people type for them.

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/ctl/context.h"

namespace weft::ctl {

struct Kind {
  std::string_view name;                  // "HTTPRoute"; the segment of the REST path too
  std::string_view singular;              // "httproute", as results are printed
  std::vector<std::string_view> aliases;  // lower case, singular and plural included
  bool resource = true;                   // a document of /resources; false: "Service" of the registry
  bool namespaced = true;
};

// Kind by name or alias, in any case. The error lists what there is.
Result<Kind> FindKind(std::string_view text);

// "routes,sp", or "all" for every kind of document.
Result<std::vector<Kind>> FindKinds(const std::string& text);

// What people name as with kubectl: KIND NAME…, or KIND/NAME…; KINDS alone has no names.
struct Wanted {
  Kind kind;
  std::vector<std::string> names;
};
Result<std::vector<Wanted>> FindWanted(const std::vector<std::string>& words);

// "/api/v1/resources/HTTPRoute" and "/api/v1/resources/HTTPRoute/default/cart".
std::string ListPath(const Kind& kind);
std::string ItemPath(const Kind& kind, const NamespacedName& name);

// Table of items of one kind as `get` prints it; the first column is NAMESPACE under -A.
Table KindTable(const Context& context, const Kind& kind, const std::vector<Json>& items);

// namespace and name of a document: its metadata's, or its own fields for registry services.
NamespacedName NameOf(const Json& item);
Json LabelsOf(const Json& item);

}  // namespace weft::ctl
