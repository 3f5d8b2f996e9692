#pragma once
// What a document wrote about a policy: the blocks of policy.h with every field optional. merge.h lays specs
// over each other; fields.h lists their names and bounds. Durations here are what was written; zero means
// what policy.h says. Thread rule: plain values.

#include <optional>

#include "common/policy/policy.h"

namespace weft::policy {

struct CircuitBreakerSpec {
  std::optional<bool> enabled;
  std::optional<double> failure_threshold;
  std::optional<std::uint32_t> minimum_requests;
  std::optional<bool> adaptive;
  std::optional<Duration> open_duration;  // written: fixed, no back-off
  std::optional<std::uint32_t> half_open_max_calls;
  std::optional<Duration> slow_response;
  std::optional<double> weight_timeout, weight_5xx, weight_connection, weight_slow, weight_4xx;
  std::optional<Mode> predict;
};

struct OutlierDetectionSpec {
  std::optional<bool> enabled;
  std::optional<std::uint32_t> consecutive_failures;
  std::optional<Duration> consecutive_span;
  std::optional<double> failure_rate;
  std::optional<std::uint32_t> minimum_requests;
  std::optional<double> latency_factor;
  std::optional<Duration> base_ejection;
  std::optional<Duration> max_ejection;
  std::optional<std::uint32_t> max_ejected_percent;
};

struct HealthCheckSpec {
  std::optional<bool> enabled;
  std::optional<bool> tcp;
  std::optional<std::string> path;
  std::optional<std::uint16_t> port;
  std::optional<Duration> interval;
  std::optional<Duration> timeout;
  std::optional<std::uint32_t> failure_threshold;
  std::optional<std::uint32_t> recovery_threshold;
  std::optional<Duration> max_response_time;
};

struct ConnectionPoolSpec {
  std::optional<std::uint32_t> max_connections;
  std::optional<std::uint32_t> max_pending;
  std::optional<std::uint32_t> max_requests;
  std::optional<std::uint32_t> max_keepalive;
  std::optional<Duration> keepalive_expiry;
  std::optional<Duration> max_age;
  std::optional<bool> http2;  // only false: the port's protocol says it
};

struct LoadBalancerSpec {
  std::optional<Balancer> policy;
  std::optional<std::string> hash_header, hash_cookie, hash_query;
  std::optional<bool> hash_source;
  std::optional<double> load_factor;
  std::optional<Duration> slow_start;
  std::optional<bool> prefer_zone;
  std::optional<std::uint32_t> subset;
};

struct ConcurrencySpec {
  std::optional<Limiter> limiter;
  std::optional<std::uint32_t> initial, min, max;
  std::optional<std::string> priority_header;
};

struct BulkheadsSpec {
  std::optional<std::uint32_t> per_caller, per_route;
};

struct RateLimitsSpec {
  std::optional<std::uint32_t> connections_per_address;
  std::optional<std::vector<RateLimit>> limits;  // one list: a service's replaces the mesh's
};

struct RetrySpec {
  std::optional<bool> enabled;
  std::optional<std::uint32_t> attempts;
  std::optional<std::uint32_t> on;   // bits of RetryOn
  std::vector<std::uint16_t> codes;  // belongs to `on`: status codes without a bit
  std::optional<Duration> backoff;
  std::optional<Duration> max_backoff;
  bool backoff_is_minimum = false;  // says how `backoff` was meant: a Gateway API route's is a minimum
  std::optional<double> budget_percent;
  std::optional<std::uint32_t> budget_min_per_second;
};

struct HedgingSpec {
  std::optional<bool> enabled;
  std::optional<double> budget_percent;
  std::optional<Duration> min_delay;
};

struct TimeoutsSpec {
  std::optional<Duration> connect, request, attempt, response_head, stream_idle;
  std::optional<Mode> adaptive;
};

struct PolicySpec {
  LoadBalancerSpec load_balancer;
  CircuitBreakerSpec circuit_breaker;
  OutlierDetectionSpec outlier_detection;
  ConnectionPoolSpec connection_pool;
  HealthCheckSpec health_check;
  RetrySpec retry;
  HedgingSpec hedging;
  TimeoutsSpec timeouts;
  RateLimitsSpec rate_limits;
  ConcurrencySpec concurrency;
  BulkheadsSpec bulkheads;
  std::optional<Mtls> mtls;
};

}  // namespace weft::policy
