#pragma once
// Per-field merge: route > service > mesh > built-in, with the source of every field that is not built-in. A
// default adapts to what was written beside it (docs/configuration.md says where); two written values that
// contradict each other are a problem that names both. Thread rule: pure functions.

#include <map>
#include <span>

#include "common/policy/spec.h"
#include "common/result/result.h"

namespace weft::policy {

struct Layer {
  const PolicySpec* spec = nullptr;
  std::string source;  // "MeshDefaults default", "ServicePolicy default/cart", "environment"
};

struct Merged {
  ServicePolicy policy;
  std::vector<FieldSource> sources;  // "circuitBreaker.openDuration" -> source, in the order of fields.h
  // Both were written and exclude each other; `policy` has a pair that does not.
  bool ejection_contradicts = false, bounds_contradict = false, initial_contradicts = false;
  bool nothing_to_check = false;  // healthCheck.enabled was written, but neither path nor tcp; it is off then
};

// The layers from weakest to strongest: environment, mesh, service, route.
Merged Merge(std::span<const Layer> layers);

// Two settings of which one makes the other ineffective; `field` is the one to change, `other` why.
struct Contradiction {
  std::string field, other;  // as in FieldSource
  std::string text;  // "timeouts.attempt (5s) is longer than timeouts.request (2s), so it never fires: …"
};

// Pairs of fields that were both written; a field at its default is in no pair.
std::vector<Contradiction> FindContradictions(const Merged& merged);

// The seeds' environment variables (CIRCUIT_BREAKER_FAILURE_THRESHOLD, HEALTH_CHECK_INTERVAL_SECONDS,
// DEFAULT_MAX_CONNECTIONS, …) as the weakest layer. Other names are ignored. An error names the variable.
Result<PolicySpec> FromEnvironment(const std::map<std::string, std::string>& variables);

}  // namespace weft::policy
