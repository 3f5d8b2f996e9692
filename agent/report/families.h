#pragma once
// Every metric of the agent: name, labels and meaning. tests/golden/metrics.txt lists them, docs/metrics.md
// explains them. Labels come from configuration or from closed sets, never from a request.

#include "common/metrics/registry.h"

namespace weft::report {

struct Families {
  explicit Families(metrics::Registry& registry);

  metrics::FamilyId requests, duration, attempts, retries, budget_exhausted, hedges, mirrored;
  metrics::FamilyId circuit_state, circuit_transitions;
  metrics::FamilyId concurrency_limit, predictions, prediction_lead, adaptive_timeout,
      adaptive_timeout_exceeded;
  metrics::FamilyId instance_health, ejections;
  metrics::FamilyId pool_connections, pool_reuse_ratio, pool_wait;
  metrics::FamilyId connections, connections_open, streams, streams_open, detections, bytes;
  metrics::FamilyId secured, handshakes;
  metrics::FamilyId config_revision, config_rejected, config_age, generations;
  metrics::FamilyId identity_expires, identity_answers;
  metrics::FamilyId log_dropped;
};

}  // namespace weft::report
