#include "controlplane/intake/kubernetes/grants.h"

#include <set>

#include "controlplane/api/foreign.h"

namespace weft::intake::kubernetes {
namespace {

using api::At;
using api::Text;

constexpr const char* kGatewayGroup = "gateway.networking.k8s.io";

std::string KindOfBackend(const Json& backend) {
  const std::string kind = Text(backend, "kind");
  return kind.empty() ? "Service" : kind;
}

// Everything in a rule that is sent to: backendRefs, and the backendRef of mirrors.
template <class Visit>
void ForEachBackend(Json& rule, const Visit& visit) {
  if (!rule.is_object()) return;
  if (rule.contains("backendRefs") && rule["backendRefs"].is_array()) {
    for (Json& backend : rule["backendRefs"]) visit(backend);
  }
  if (!rule.contains("filters") || !rule["filters"].is_array()) return;
  for (Json& filter : rule["filters"]) {
    if (At(At(filter, "requestMirror"), "backendRef").is_object())
      visit(filter["requestMirror"]["backendRef"]);
  }
}

}  // namespace

void Grants::Add(const Json& grant) {
  const Json& spec = At(grant, "spec");
  auto& granted = by_namespace_[Text(At(grant, "metadata"), "namespace")];
  for (const Json& from : At(spec, "from")) {
    for (const Json& to : At(spec, "to"))
      granted.emplace(From{Text(from, "group"), Text(from, "kind"), Text(from, "namespace")},
                      To{Text(to, "group"), Text(to, "kind"), Text(to, "name")});
  }
}

bool Grants::Permits(std::string_view kind, const std::string& from_ns, const Json& backend) const {
  const auto granted = by_namespace_.find(Text(backend, "namespace"));
  if (granted == by_namespace_.end()) return false;
  const auto [first, last] = granted->second.equal_range({kGatewayGroup, std::string(kind), from_ns});
  for (auto one = first; one != last; ++one) {
    const To& to = one->second;
    if (to.group == Text(backend, "group") && to.kind == KindOfBackend(backend) &&
        (to.name.empty() || to.name == Text(backend, "name")))
      return true;
  }
  return false;
}

Json WithoutUngranted(const Json& route, resource::Kind kind, const Grants& grants) {
  Json out = route;
  const std::string ns = Text(At(route, "metadata"), "namespace");
  std::set<std::string> free = {"", ns};
  for (const Json& parent : At(At(route, "spec"), "parentRefs")) free.insert(Text(parent, "namespace"));
  if (!At(At(out, "spec"), "rules").is_array()) return out;
  for (Json& rule : out["spec"]["rules"]) {
    ForEachBackend(rule, [&](Json& backend) {
      if (free.contains(Text(backend, "namespace"))) return;
      if (!grants.Permits(resource::ToString(kind), ns, backend)) backend["group"] = resource::kUngranted;
    });
  }
  return out;
}

}  // namespace weft::intake::kubernetes
