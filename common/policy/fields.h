#pragma once
// The one list of policy fields: name in documents, member of the spec, member of the policy, bounds.
// Reading, merging, explaining and the test of docs/configuration.md walk it.
//
// visit(name, &Spec::member, &Policy::member, limits); a name with a dot lies in a map inside the block.

#include <limits>

#include "common/policy/spec.h"

namespace weft::policy {

struct NoLimits {};
template <class T>
struct Limits {
  T low, high;
};
struct RateLimitList {};
struct RetryOnNames {};  // a list of the names of RetryOn and of status codes

inline constexpr Limits<std::int64_t> kAnyCount{0, 1'000'000};
inline constexpr Limits<std::int64_t> kPositiveCount{1, 1'000'000};
inline constexpr Limits<double> kWeight{0, 1000};
inline constexpr Limits<Duration> kAnyDuration{Duration::zero(), std::chrono::hours(24 * 365)};
inline constexpr Limits<Duration> kPositiveDuration{milliseconds(1), std::chrono::hours(24 * 365)};

template <class V>
void VisitFields(const LoadBalancerSpec*, V&& visit) {
  using S = LoadBalancerSpec;
  using P = LoadBalancer;
  visit("policy", &S::policy, &P::policy, NoLimits{});
  visit("hashOn.header", &S::hash_header, &P::hash_header, NoLimits{});
  visit("hashOn.cookie", &S::hash_cookie, &P::hash_cookie, NoLimits{});
  visit("hashOn.query", &S::hash_query, &P::hash_query, NoLimits{});
  visit("hashOn.source", &S::hash_source, &P::hash_source, NoLimits{});
  visit("loadFactor", &S::load_factor, &P::load_factor, Limits<double>{1, 100});
  visit("slowStart", &S::slow_start, &P::slow_start,
        Limits<Duration>{Duration::zero(), std::chrono::hours(1)});
  visit("preferZone", &S::prefer_zone, &P::prefer_zone, NoLimits{});
  visit("subset", &S::subset, &P::subset, kAnyCount);
}

template <class V>
void VisitFields(const ConcurrencySpec*, V&& visit) {
  using S = ConcurrencySpec;
  using P = Concurrency;
  visit("limiter", &S::limiter, &P::limiter, NoLimits{});
  visit("initial", &S::initial, &P::initial, kPositiveCount);
  visit("min", &S::min, &P::min, kPositiveCount);
  visit("max", &S::max, &P::max, kPositiveCount);
  visit("priorityHeader", &S::priority_header, &P::priority_header, NoLimits{});
}

template <class V>
void VisitFields(const BulkheadsSpec*, V&& visit) {
  visit("perCaller", &BulkheadsSpec::per_caller, &Bulkheads::per_caller, kAnyCount);
  visit("perRoute", &BulkheadsSpec::per_route, &Bulkheads::per_route, kAnyCount);
}

template <class V>
void VisitFields(const RateLimitsSpec*, V&& visit) {
  visit("limits", &RateLimitsSpec::limits, &RateLimits::limits, RateLimitList{});
  visit("connectionsPerAddress", &RateLimitsSpec::connections_per_address,
        &RateLimits::connections_per_address, kAnyCount);
}

template <class V>
void VisitFields(const CircuitBreakerSpec*, V&& visit) {
  using S = CircuitBreakerSpec;
  using P = CircuitBreaker;
  visit("enabled", &S::enabled, &P::enabled, NoLimits{});
  visit("failureThreshold", &S::failure_threshold, &P::failure_threshold, Limits<double>{0.1, 1e6});
  visit("minimumRequests", &S::minimum_requests, &P::minimum_requests, kAnyCount);
  visit("adaptive", &S::adaptive, &P::adaptive, NoLimits{});
  visit("openDuration", &S::open_duration, &P::open_duration, kPositiveDuration);
  visit("halfOpenMaxCalls", &S::half_open_max_calls, &P::half_open_max_calls, Limits<std::int64_t>{1, 65535});
  visit("slowResponse", &S::slow_response, &P::slow_response, kAnyDuration);
  visit("failureWeights.timeout", &S::weight_timeout, &P::weight_timeout, kWeight);
  visit("failureWeights.error5xx", &S::weight_5xx, &P::weight_5xx, kWeight);
  visit("failureWeights.connectionError", &S::weight_connection, &P::weight_connection, kWeight);
  visit("failureWeights.slowResponse", &S::weight_slow, &P::weight_slow, kWeight);
  visit("failureWeights.error4xx", &S::weight_4xx, &P::weight_4xx, kWeight);
  visit("predict", &S::predict, &P::predict, NoLimits{});
}

template <class V>
void VisitFields(const OutlierDetectionSpec*, V&& visit) {
  using S = OutlierDetectionSpec;
  using P = OutlierDetection;
  visit("enabled", &S::enabled, &P::enabled, NoLimits{});
  visit("consecutiveFailures", &S::consecutive_failures, &P::consecutive_failures, kAnyCount);
  visit("consecutiveSpan", &S::consecutive_span, &P::consecutive_span, kAnyDuration);
  visit("failureRate", &S::failure_rate, &P::failure_rate, Limits<double>{0.01, 1});
  visit("minimumRequests", &S::minimum_requests, &P::minimum_requests, kPositiveCount);
  visit("latencyFactor", &S::latency_factor, &P::latency_factor, Limits<double>{0, 100});
  visit("baseEjection", &S::base_ejection, &P::base_ejection, kPositiveDuration);
  visit("maxEjection", &S::max_ejection, &P::max_ejection, kPositiveDuration);
  visit("maxEjectedPercent", &S::max_ejected_percent, &P::max_ejected_percent, Limits<std::int64_t>{0, 100});
}

template <class V>
void VisitFields(const ConnectionPoolSpec*, V&& visit) {
  using S = ConnectionPoolSpec;
  using P = ConnectionPool;
  visit("maxConnections", &S::max_connections, &P::max_connections, kAnyCount);
  visit("maxPending", &S::max_pending, &P::max_pending, kAnyCount);
  visit("maxRequests", &S::max_requests, &P::max_requests, kAnyCount);
  visit("maxKeepalive", &S::max_keepalive, &P::max_keepalive, kAnyCount);
  visit("keepaliveExpiry", &S::keepalive_expiry, &P::keepalive_expiry, kPositiveDuration);
  visit("maxAge", &S::max_age, &P::max_age, kAnyDuration);
  visit("http2", &S::http2, &P::http2, NoLimits{});
}

template <class V>
void VisitFields(const HealthCheckSpec*, V&& visit) {
  using S = HealthCheckSpec;
  using P = HealthCheck;
  visit("enabled", &S::enabled, &P::enabled, NoLimits{});
  visit("tcp", &S::tcp, &P::tcp, NoLimits{});
  visit("path", &S::path, &P::path, NoLimits{});
  visit("port", &S::port, &P::port, Limits<std::int64_t>{0, 65535});
  visit("interval", &S::interval, &P::interval, Limits<Duration>{milliseconds(100), std::chrono::hours(24)});
  visit("timeout", &S::timeout, &P::timeout, kPositiveDuration);
  visit("failureThreshold", &S::failure_threshold, &P::failure_threshold, kPositiveCount);
  visit("recoveryThreshold", &S::recovery_threshold, &P::recovery_threshold, kPositiveCount);
  visit("maxResponseTime", &S::max_response_time, &P::max_response_time, kPositiveDuration);
}

template <class V>
void VisitFields(const RetrySpec*, V&& visit) {
  using S = RetrySpec;
  using P = Retry;
  visit("enabled", &S::enabled, &P::enabled, NoLimits{});
  visit("attempts", &S::attempts, &P::attempts, Limits<std::int64_t>{0, 10});
  visit("on", &S::on, &P::on, RetryOnNames{});
  visit("backoff", &S::backoff, &P::backoff, kAnyDuration);
  visit("maxBackoff", &S::max_backoff, &P::max_backoff, kAnyDuration);
  visit("budgetPercent", &S::budget_percent, &P::budget_percent, Limits<double>{0, 100});
  visit("budgetMinPerSecond", &S::budget_min_per_second, &P::budget_min_per_second, kAnyCount);
}

template <class V>
void VisitFields(const HedgingSpec*, V&& visit) {
  visit("enabled", &HedgingSpec::enabled, &Hedging::enabled, NoLimits{});
  visit("budgetPercent", &HedgingSpec::budget_percent, &Hedging::budget_percent, Limits<double>{0.1, 5});
  visit("minDelay", &HedgingSpec::min_delay, &Hedging::min_delay, kPositiveDuration);
}

template <class V>
void VisitFields(const TimeoutsSpec*, V&& visit) {
  using S = TimeoutsSpec;
  using P = Timeouts;
  visit("connect", &S::connect, &P::connect, kPositiveDuration);
  visit("request", &S::request, &P::request, kAnyDuration);
  visit("attempt", &S::attempt, &P::attempt, kAnyDuration);
  visit("responseHead", &S::response_head, &P::response_head, kAnyDuration);
  visit("streamIdle", &S::stream_idle, &P::stream_idle, kAnyDuration);
  visit("adaptive", &S::adaptive, &P::adaptive, NoLimits{});
}

// visit(name, &PolicySpec::block, &ServicePolicy::block)
template <class V>
void VisitBlocks(V&& visit) {
  using S = PolicySpec;
  using P = ServicePolicy;
  visit("loadBalancer", &S::load_balancer, &P::load_balancer);
  visit("circuitBreaker", &S::circuit_breaker, &P::circuit_breaker);
  visit("outlierDetection", &S::outlier_detection, &P::outlier_detection);
  visit("connectionPool", &S::connection_pool, &P::connection_pool);
  visit("healthCheck", &S::health_check, &P::health_check);
  visit("retry", &S::retry, &P::retry);
  visit("hedging", &S::hedging, &P::hedging);
  visit("timeouts", &S::timeouts, &P::timeouts);
  visit("rateLimits", &S::rate_limits, &P::rate_limits);
  visit("concurrency", &S::concurrency, &P::concurrency);
  visit("bulkheads", &S::bulkheads, &P::bulkheads);
}

}  // namespace weft::policy
