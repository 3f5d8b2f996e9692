#include "common/policy/merge.h"

#include "common/policy/fields.h"

namespace weft::policy {
namespace {

bool IsWritten(const Merged& merged, std::string_view field) {
  return std::any_of(merged.sources.begin(), merged.sources.end(),
                     [&](const FieldSource& source) { return source.field == field; });
}

void MergeWritten(std::span<const Layer> layers, Merged& merged) {
  VisitBlocks([&](const char* block, auto spec_block, auto policy_block) {
    const auto* kind = &(static_cast<const PolicySpec*>(nullptr)->*spec_block);
    VisitFields(decltype(kind){nullptr}, [&](const char* name, auto spec_field, auto policy_field, auto) {
      for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
        const auto& written = (layer->spec->*spec_block).*spec_field;
        if (!written) continue;
        (merged.policy.*policy_block).*policy_field = *written;
        merged.sources.push_back({std::string(block) + '.' + name, layer->source});
        break;
      }
    });
  });
}

// The key of the strongest layer that writes one; those of weaker layers do not stay beside it.
bool TakeHashKey(const LoadBalancerSpec& spec, LoadBalancer& out) {
  if (!spec.hash_header && !spec.hash_cookie && !spec.hash_query && !spec.hash_source) return false;
  out.hash_header = spec.hash_header.value_or("");
  out.hash_cookie = spec.hash_cookie.value_or("");
  out.hash_query = spec.hash_query.value_or("");
  out.hash_source = spec.hash_source.value_or(false);
  return true;
}

// A field that is in no block.
void MergeMtls(std::span<const Layer> layers, Merged& merged) {
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (!layer->spec->mtls) continue;
    merged.policy.mtls = *layer->spec->mtls;
    merged.sources.push_back({"mtls", layer->source});
    return;
  }
}

// Values that stand beside a written one and mean nothing alone.
void MergeCompanions(std::span<const Layer> layers, Merged& merged) {
  for (const Layer& layer : layers) {
    const RetrySpec& retry = layer.spec->retry;
    if (retry.on) merged.policy.retry.codes = retry.codes;
    if (retry.backoff) merged.policy.retry.backoff_is_minimum = retry.backoff_is_minimum;
  }
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (TakeHashKey(layer->spec->load_balancer, merged.policy.load_balancer)) break;
  }
  merged.policy.circuit_breaker.fixed_open = IsWritten(merged, "circuitBreaker.openDuration");
  merged.policy.connection_pool.keepalive_expiry_set = IsWritten(merged, "connectionPool.keepaliveExpiry");
}

// Defaults that give way to a written neighbour, as docs/configuration.md says.
void AdaptDefaults(Merged& merged) {
  ServicePolicy& p = merged.policy;
  if (!IsWritten(merged, "connectionPool.maxKeepalive") && p.connection_pool.max_connections != 0) {
    p.connection_pool.max_keepalive =
        std::min(p.connection_pool.max_keepalive, p.connection_pool.max_connections);
  }
  HealthCheck& check = p.health_check;
  if (!IsWritten(merged, "healthCheck.enabled")) check.enabled = check.tcp || !check.path.empty();
  merged.nothing_to_check = check.enabled && !check.tcp && check.path.empty();
  if (merged.nothing_to_check) check.enabled = false;
  if (!IsWritten(merged, "healthCheck.timeout")) check.timeout = std::min(check.timeout, check.interval);
  if (!IsWritten(merged, "healthCheck.maxResponseTime")) {
    check.max_response_time = std::min(check.max_response_time, check.timeout);
  }
  OutlierDetection& outlier = p.outlier_detection;
  if (!IsWritten(merged, "outlierDetection.maxEjection")) {
    outlier.max_ejection = std::max(outlier.max_ejection, outlier.base_ejection);
  }
  if (!IsWritten(merged, "outlierDetection.baseEjection")) {
    outlier.base_ejection = std::min(outlier.max_ejection, outlier.base_ejection);
  }
  // Two settings may disagree; the longer one holds then, and FindContradictions says so.
  merged.ejection_contradicts = outlier.base_ejection > outlier.max_ejection;
  outlier.max_ejection = std::max(outlier.max_ejection, outlier.base_ejection);
  Concurrency& c = p.concurrency;
  const bool initial_written = IsWritten(merged, "concurrency.initial");
  if (!IsWritten(merged, "concurrency.min"))
    c.min = std::min(c.min, initial_written ? std::min(c.max, c.initial) : c.max);
  if (!IsWritten(merged, "concurrency.max"))
    c.max = std::max(c.max, initial_written ? std::max(c.min, c.initial) : c.min);
  merged.bounds_contradict = c.min > c.max;
  c.max = std::max(c.max, c.min);
  merged.initial_contradicts = initial_written && (c.initial < c.min || c.initial > c.max);
  c.initial = std::clamp(c.initial, c.min, c.max);
  if (!IsWritten(merged, "retry.maxBackoff")) p.retry.max_backoff = 10 * p.retry.backoff;
}

}  // namespace

Merged Merge(std::span<const Layer> layers) {
  Merged merged;
  MergeWritten(layers, merged);
  MergeMtls(layers, merged);
  MergeCompanions(layers, merged);
  AdaptDefaults(merged);
  return merged;
}

}  // namespace weft::policy
