#pragma once
// Objects of the API server that are resources of the mesh: routes of the Gateway API and Weft's own kinds,
// as the documents that REST and files take. Thread rule: pure functions.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/resource/document.h"

namespace weft::kube {

using Json = nlohmann::ordered_json;  // as controlplane/api

// "/apis/gateway.networking.k8s.io/v1/httproutes": the collection over all namespaces.
std::string CollectionOf(resource::Kind kind);
// "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/cart": one object; `ns` empty: it has none.
std::string PathOf(resource::Kind kind, const std::string& ns, const std::string& name);
bool IsRoute(resource::Kind kind);

// Whether the mesh is meant by this parentRef: a Service or a MeshService. Others belong to other
// controllers.
bool IsOurParent(const Json& parent);

struct ReadObject {
  bool ours = true;                // false: a route with parents of other controllers only
  resource::DocumentPtr document;  // null: not ours, or it has problems
  std::vector<Error> problems;     // with the field of each
};
// What the API server adds to metadata is left out, also what kubectl notes in annotations. `kind`: of the
// collection that it came from, since items of lists need not say.
ReadObject Read(const Json& object, resource::Kind kind);

}  // namespace weft::kube
