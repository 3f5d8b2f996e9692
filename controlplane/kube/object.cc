#include "controlplane/kube/object.h"

#include <algorithm>

#include "controlplane/api/foreign.h"

namespace weft::kube {
namespace {

using api::At;

constexpr const char* kNotedByKubectl = "kubectl.kubernetes.io/last-applied-configuration";

std::string GroupPath(resource::Kind kind) { return "/apis/" + std::string(resource::ApiVersion(kind)); }

Json MetadataOf(const Json& object) {
  const Json& metadata = At(object, "metadata");
  Json out = Json::object();
  for (const char* key : {"name", "namespace", "labels", "annotations", "uid", "creationTimestamp"}) {
    if (const Json& value = At(metadata, key); !value.is_null()) out[key] = value;
  }
  if (!out.contains("name")) out["name"] = "unnamed";  // under review, the server is yet to name it
  if (!out.contains("annotations") || !out["annotations"].is_object()) return out;
  out["annotations"].erase(kNotedByKubectl);
  if (out["annotations"].empty()) out.erase("annotations");
  return out;
}

bool IsOurs(const Json& object, resource::Kind kind) {
  if (!IsRoute(kind)) return true;
  const Json& parents = At(At(object, "spec"), "parentRefs");
  return parents.is_array() && std::any_of(parents.begin(), parents.end(), IsOurParent);
}

}  // namespace

std::string CollectionOf(resource::Kind kind) {
  return GroupPath(kind) + "/" + std::string(resource::Plural(kind));
}

std::string PathOf(resource::Kind kind, const std::string& ns, const std::string& name) {
  return GroupPath(kind) + (ns.empty() ? "" : "/namespaces/" + ns) + "/" +
         std::string(resource::Plural(kind)) + "/" + name;
}

bool IsRoute(resource::Kind kind) {
  switch (kind) {
    case resource::Kind::kHttpRoute:
    case resource::Kind::kGrpcRoute:
    case resource::Kind::kTlsRoute:
    case resource::Kind::kTcpRoute: return true;
    default: return false;
  }
}

bool IsOurParent(const Json& parent) {
  const Json &group = At(parent, "group"), &kind = At(parent, "kind");
  return (group == "" && kind == "Service") || (group == "weft.dev" && kind == "MeshService");
}

ReadObject Read(const Json& object, resource::Kind kind) {
  ReadObject out;
  out.ours = IsOurs(object, kind);
  if (!out.ours) return out;
  Json document = {{"apiVersion", resource::ApiVersion(kind)},
                   {"kind", resource::ToString(kind)},
                   {"metadata", MetadataOf(object)},
                   {"spec", At(object, "spec")}};
  resource::Parsed parsed =
      resource::ParseDocuments(document.dump(-1, ' ', false, Json::error_handler_t::replace), "");
  out.problems = std::move(parsed.errors);
  if (out.problems.empty() && !parsed.documents.empty()) out.document = std::move(parsed.documents.front());
  return out;
}

}  // namespace weft::kube
