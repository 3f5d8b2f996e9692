#include <functional>

#include "common/analyze/checks.h"

namespace weft::analyze {
namespace {

using policy::PolicySpec;

// A setting by which a policy can allow more than another, and whether it does.
struct Limit {
  std::string_view field;
  std::function<bool(const PolicySpec& strict, const PolicySpec& loose)> loosened;
};

template <class Value>
bool Higher(const std::optional<Value>& strict, const std::optional<Value>& loose) {
  return strict && loose && *loose > *strict;
}

// Of limits where zero means none.
template <class Value>
bool Above(const std::optional<Value>& strict, const std::optional<Value>& loose) {
  if (!strict || !loose || *strict == Value{}) return false;
  return *loose == Value{} || *loose > *strict;
}

bool TurnedOff(const std::optional<bool>& strict, const std::optional<bool>& loose) {
  return strict.value_or(false) && !loose.value_or(true);
}

const std::vector<Limit>& Limits() {
  static const std::vector<Limit> limits = {
      {"circuitBreaker.enabled",
       [](const auto& a, const auto& b) {
         return TurnedOff(a.circuit_breaker.enabled, b.circuit_breaker.enabled);
       }},
      {"circuitBreaker.failureThreshold",
       [](const auto& a, const auto& b) {
         return Above(a.circuit_breaker.failure_threshold, b.circuit_breaker.failure_threshold);
       }},
      {"outlierDetection.enabled",
       [](const auto& a, const auto& b) {
         return TurnedOff(a.outlier_detection.enabled, b.outlier_detection.enabled);
       }},
      {"connectionPool.maxConnections",
       [](const auto& a, const auto& b) {
         return Above(a.connection_pool.max_connections, b.connection_pool.max_connections);
       }},
      {"connectionPool.maxRequests",
       [](const auto& a, const auto& b) {
         return Above(a.connection_pool.max_requests, b.connection_pool.max_requests);
       }},
      {"retry.attempts",
       [](const auto& a, const auto& b) { return Higher(a.retry.attempts, b.retry.attempts); }},
      {"retry.budgetPercent",
       [](const auto& a, const auto& b) { return Higher(a.retry.budget_percent, b.retry.budget_percent); }},
      {"timeouts.connect",
       [](const auto& a, const auto& b) { return Above(a.timeouts.connect, b.timeouts.connect); }},
      {"timeouts.request",
       [](const auto& a, const auto& b) { return Above(a.timeouts.request, b.timeouts.request); }},
      {"timeouts.attempt",
       [](const auto& a, const auto& b) { return Above(a.timeouts.attempt, b.timeouts.attempt); }},
      {"timeouts.streamIdle",
       [](const auto& a, const auto& b) { return Above(a.timeouts.stream_idle, b.timeouts.stream_idle); }},
  };
  return limits;
}

void Compare(const PolicySpec& strict, const std::string& strict_name, const resource::Document& document,
             const PolicySpec& loose, const std::string& prefix, Findings& findings) {
  for (const Limit& limit : Limits()) {
    if (!limit.loosened(strict, loose)) continue;
    Warn(findings, "Loosened", document, prefix + '.' + std::string(limit.field),
         "allows more than " + strict_name + ", which it overrides: keep it only if that is meant");
  }
}

// What the routes of a service say, against the policy that governs it.
void CompareRoutes(const Subject& subject, const resource::Document& policy, Findings& findings) {
  for (const std::string& target : policy.service_policy().targets) {
    const auto bundle = subject.compiled.bundles.find({subject.inputs.cluster, policy.metadata.ns, target});
    if (bundle == subject.compiled.bundles.end()) continue;
    for (const policy::Route& route : bundle->second.routes) {
      const resource::Document& document = *subject.Find(policy::ToString(route.kind), route.name);
      for (std::size_t i = 0; i < route.rules.size(); ++i) {
        Compare(policy.service_policy().policy, policy.Name(), document,
                document.http_route().rules[i].policy, "spec.rules[" + std::to_string(i) + "]", findings);
      }
    }
  }
}

}  // namespace

void FindLoosened(const Subject& subject, Findings& findings) {
  const resource::Document* defaults = nullptr;
  for (const auto& [name, document] : subject.by_name)
    if (document->kind == resource::Kind::kMeshDefaults) defaults = document;
  for (const auto& [name, document] : subject.by_name) {
    if (document->kind != resource::Kind::kServicePolicy) continue;
    CompareRoutes(subject, *document, findings);
    if (defaults == nullptr) continue;
    Compare(defaults->mesh_defaults().policy, defaults->Name(), *document, document->service_policy().policy,
            "spec", findings);
  }
}

}  // namespace weft::analyze
