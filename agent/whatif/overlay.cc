#include "agent/whatif/whatif.h"
#include "common/policy/fields.h"

namespace weft::whatif {
namespace {

template <class SpecBlock, class PolicyBlock>
void OverlayBlock(const SpecBlock& spec, PolicyBlock& block) {
  policy::VisitFields(static_cast<const SpecBlock*>(nullptr), [&](const char*, auto from, auto to, auto) {
    if (const auto& written = spec.*from) block.*to = *written;
  });
}

// A rule's field that differs from the service's was written for the route and stays.
template <class SpecBlock, class PolicyBlock>
void OverlayRule(const SpecBlock& spec, const PolicyBlock& before, PolicyBlock& rule) {
  policy::VisitFields(static_cast<const SpecBlock*>(nullptr), [&](const char*, auto from, auto to, auto) {
    if (const auto& written = spec.*from; written && rule.*to == before.*to) rule.*to = *written;
  });
}

}  // namespace

void Overlay(const policy::PolicySpec& spec, policy::ServiceBundle& bundle) {
  const policy::ServicePolicy before = bundle.policy;
  policy::VisitBlocks([&](const char*, auto from, auto to) { OverlayBlock(spec.*from, bundle.policy.*to); });
  if (spec.retry.on) bundle.policy.retry.codes = spec.retry.codes;
  if (spec.circuit_breaker.open_duration) bundle.policy.circuit_breaker.fixed_open = true;
  if (spec.connection_pool.keepalive_expiry) bundle.policy.connection_pool.keepalive_expiry_set = true;
  for (policy::Route& route : bundle.routes) {
    for (policy::RouteRule& rule : route.rules) {
      OverlayRule(spec.retry, before.retry, rule.retry);
      OverlayRule(spec.timeouts, before.timeouts, rule.timeouts);
    }
  }
}

}  // namespace weft::whatif
