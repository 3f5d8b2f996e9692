#include "controlplane/intake/kubernetes/status.h"

#include <algorithm>
#include <array>

#include "controlplane/api/foreign.h"

namespace weft::intake::kubernetes {
namespace {

using api::At;
using api::Text;

constexpr std::size_t kMostMessage = 1024;
constexpr std::array kUnresolved = {"BackendNotFound", "InvalidKind", "RefNotPermitted"};

struct Condition {
  const char* type;
  const char* status = "True";
  std::string reason;
  std::string message;
};

// The order of keys is the server's business.
bool Same(const Json& a, const Json& b) {
  return nlohmann::json::parse(a.dump()) == nlohmann::json::parse(b.dump());
}

std::string TextOf(const compile::Finding& finding) { return finding.field + ": " + finding.message; }

Condition AcceptedOf(std::size_t parent, const Judgement& judgement) {
  if (!judgement.problems.empty()) {
    std::string message;
    for (const Error& problem : judgement.problems)
      message += (message.empty() ? "" : "; ") + problem.field + (problem.field.empty() ? "" : ": ") +
                 problem.detail;
    return {"Accepted", "False", "UnsupportedValue", message.substr(0, kMostMessage)};
  }
  const std::string field = "spec.parentRefs[" + std::to_string(parent) + "]";
  for (const compile::Finding& finding : judgement.findings) {
    if (finding.code == "NoMatchingParent" && finding.field == field)
      return {"Accepted", "False", "NoMatchingParent", finding.message};
  }
  return {"Accepted", "True", "Accepted", "the route is in force"};
}

Condition ResolvedOf(const Judgement& judgement) {
  if (!judgement.problems.empty()) return {"ResolvedRefs", "Unknown", "Pending", "the route is not in force"};
  for (const compile::Finding& finding : judgement.findings) {
    for (const char* reason : kUnresolved) {
      if (finding.code == reason) return {"ResolvedRefs", "False", reason, TextOf(finding)};
    }
  }
  // References are looked at where the route applies; without any parent that is nowhere.
  const auto lost = [](const compile::Finding& finding) { return finding.code == "NoMatchingParent"; };
  if (std::any_of(judgement.findings.begin(), judgement.findings.end(), lost))
    return {"ResolvedRefs", "Unknown", "Pending", "a parent is missing"};
  return {"ResolvedRefs", "True", "ResolvedRefs", "all references are good"};
}

// Of the same parent, as the route says now; null: none.
const Json& Before(const Json& route, const Json& parent) {
  static const Json none;
  for (const Json& entry : At(At(route, "status"), "parents")) {
    if (Text(entry, "controllerName") == kController && Same(At(entry, "parentRef"), parent)) return entry;
  }
  return none;
}

Json ConditionJson(const Condition& condition, const Json& before, const Json& generation, WallTime now) {
  std::string since = UtcText(std::chrono::floor<std::chrono::seconds>(now));
  for (const Json& old : At(before, "conditions")) {
    const std::string then = Text(old, "lastTransitionTime");
    if (Text(old, "type") == condition.type && Text(old, "status") == condition.status && !then.empty())
      since = then;
  }
  Json out = {{"type", condition.type},
              {"status", condition.status},
              {"reason", condition.reason},
              {"message", condition.message},
              {"lastTransitionTime", since}};
  if (generation.is_number_integer()) out["observedGeneration"] = generation;
  return out;
}

}  // namespace

std::optional<Json> ParentsOf(const Json& route, const Judgement& judgement, WallTime now) {
  const Json& generation = At(At(route, "metadata"), "generation");
  const Json& before = At(At(route, "status"), "parents");
  Json parents = Json::array();
  for (const Json& entry : before) {
    if (entry.is_object() && Text(entry, "controllerName") != kController) parents.push_back(entry);
  }
  std::size_t index = 0;
  for (const Json& parent : At(At(route, "spec"), "parentRefs")) {
    const std::size_t place = index++;
    if (!kube::IsOurParent(parent)) continue;
    const Json& known = Before(route, parent);
    parents.push_back(
        {{"parentRef", parent},
         {"controllerName", kController},
         {"conditions", Json::array({ConditionJson(AcceptedOf(place, judgement), known, generation, now),
                                     ConditionJson(ResolvedOf(judgement), known, generation, now)})}});
  }
  if (before.is_array() ? Same(before, parents) : parents.empty()) return std::nullopt;
  return parents;
}

}  // namespace weft::intake::kubernetes
