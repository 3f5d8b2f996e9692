#include "common/wire/read.h"

namespace weft::wire {
namespace {

constexpr std::uint32_t kMany = 1'000'000;
constexpr double kHeavy = 1e6;
constexpr std::uint32_t kAllRetryOn = (policy::kOnGrpcUnavailable << 1U) - 1;

policy::CircuitBreaker ReadBreaker(const v1::CircuitBreaker& in, const Path& at, Check& check) {
  policy::CircuitBreaker out;
  out.enabled = in.enabled();
  out.failure_threshold = check.Number(at, "failure_threshold", in.failure_threshold(), 1e-6, kHeavy);
  out.minimum_requests = check.Count(at, "minimum_requests", in.minimum_requests(), 0, kMany);
  out.adaptive = in.adaptive();
  out.fixed_open = in.fixed_open();
  out.open_duration = check.Span(at, "open_duration_ns", in.open_duration_ns(), false);
  out.half_open_max_calls = check.Count(at, "half_open_max_calls", in.half_open_max_calls(), 1, 65535);
  out.slow_response = check.Span(at, "slow_response_ns", in.slow_response_ns());
  out.weight_timeout = check.Number(at, "weight_timeout", in.weight_timeout(), 0, kHeavy);
  out.weight_5xx = check.Number(at, "weight_5xx", in.weight_5xx(), 0, kHeavy);
  out.weight_connection = check.Number(at, "weight_connection", in.weight_connection(), 0, kHeavy);
  out.weight_slow = check.Number(at, "weight_slow", in.weight_slow(), 0, kHeavy);
  out.weight_4xx = check.Number(at, "weight_4xx", in.weight_4xx(), 0, kHeavy);
  out.predict = check.Enum(at, "predict", in.predict(), policy::Mode::kAct);
  return out;
}

policy::OutlierDetection ReadOutlier(const v1::OutlierDetection& in, const Path& at, Check& check) {
  policy::OutlierDetection out;
  out.enabled = in.enabled();
  out.consecutive_failures = check.Count(at, "consecutive_failures", in.consecutive_failures(), 0, kMany);
  out.consecutive_span = check.Span(at, "consecutive_span_ns", in.consecutive_span_ns());
  out.failure_rate = check.Number(at, "failure_rate", in.failure_rate(), 1e-6, 1);
  out.minimum_requests = check.Count(at, "minimum_requests", in.minimum_requests(), 0, kMany);
  out.base_ejection = check.Span(at, "base_ejection_ns", in.base_ejection_ns(), false);
  out.max_ejection = check.Span(at, "max_ejection_ns", in.max_ejection_ns(), false);
  if (out.max_ejection < out.base_ejection)
    check.Fail(Path(at, "max_ejection_ns"), "is below base_ejection_ns");
  out.max_ejected_percent = check.Count(at, "max_ejected_percent", in.max_ejected_percent(), 0, 100);
  out.latency_factor = check.Number(at, "latency_factor", in.latency_factor(), 0, 1000);
  return out;
}

policy::HealthCheck ReadHealthCheck(const v1::HealthCheck& in, const Path& at, Check& check) {
  policy::HealthCheck out;
  out.enabled = in.enabled();
  out.tcp = in.tcp();
  out.path = check.Text(at, "path", in.path());
  const bool needs_path = out.enabled && !out.tcp;
  if ((needs_path || !out.path.empty()) && !out.path.starts_with('/')) {
    check.Fail(Path(at, "path"), "must start with '/'");
  }
  out.port = check.Port(at, "port", in.port(), true);
  out.interval = check.Span(at, "interval_ns", in.interval_ns(), false);
  out.timeout = check.Span(at, "timeout_ns", in.timeout_ns(), false);
  out.failure_threshold = check.Count(at, "failure_threshold", in.failure_threshold(), 1, kMany);
  out.recovery_threshold = check.Count(at, "recovery_threshold", in.recovery_threshold(), 1, kMany);
  out.max_response_time = check.Span(at, "max_response_time_ns", in.max_response_time_ns());
  return out;
}

policy::ConnectionPool ReadPool(const v1::ConnectionPool& in, const Path& at, Check& check) {
  policy::ConnectionPool out;
  out.max_connections = check.Count(at, "max_connections", in.max_connections(), 0, kMany);
  out.max_pending = check.Count(at, "max_pending", in.max_pending(), 0, kMany);
  out.max_requests = check.Count(at, "max_requests", in.max_requests(), 0, kMany);
  out.max_keepalive = check.Count(at, "max_keepalive", in.max_keepalive(), 0, kMany);
  out.keepalive_expiry = check.Span(at, "keepalive_expiry_ns", in.keepalive_expiry_ns());
  out.keepalive_expiry_set = in.keepalive_expiry_set();
  out.max_age = check.Span(at, "max_age_ns", in.max_age_ns());
  if (in.http2()) check.Fail(Path(at, "http2"), "is reserved: the protocol of a port says it");
  return out;
}

policy::LoadBalancer ReadBalancer(const v1::LoadBalancer& in, const Path& at, Check& check) {
  policy::LoadBalancer out;
  out.policy = check.Enum(at, "policy", in.policy(), policy::Balancer::kBest);
  out.hash_header = check.Text(at, "hash_header", in.hash_header());
  out.hash_cookie = check.Text(at, "hash_cookie", in.hash_cookie());
  out.hash_query = check.Text(at, "hash_query", in.hash_query());
  out.hash_source = in.hash_source();
  if (in.load_factor() != 0) out.load_factor = check.Number(at, "load_factor", in.load_factor(), 1, 100);
  out.slow_start = check.Span(at, "slow_start_ns", in.slow_start_ns());
  out.prefer_zone = in.prefer_zone();
  out.subset = check.Count(at, "subset", in.subset(), 0, kMany);
  return out;
}

policy::Concurrency ReadConcurrency(const v1::Concurrency& in, const Path& at, Check& check) {
  policy::Concurrency out;
  out.limiter = check.Enum(at, "limiter", in.limiter(), policy::Limiter::kGradient);
  out.max = check.Count(at, "max", in.max(), 1, kMany);
  out.min = check.Count(at, "min", in.min(), 1, out.max);
  out.initial = check.Count(at, "initial", in.initial(), out.min, out.max);
  out.priority_header = check.Text(at, "priority_header", in.priority_header());
  return out;
}

policy::RateLimits ReadRateLimits(const v1::RateLimits& in, const Path& at, Check& check) {
  policy::RateLimits out;
  out.connections_per_address =
      check.Count(at, "connections_per_address", in.connections_per_address(), 0, kMany);
  if (in.limits_size() > 64) check.Fail(Path(at, "limits"), "has more than 64 entries");
  for (int i = 0; i < in.limits_size() && check.ok(); ++i) {
    const v1::RateLimit& limit = in.limits(i);
    const Path here(at, "limits", i);
    policy::RateLimit& read = out.limits.emplace_back();
    read.name = check.Required(here, "name", limit.name());
    read.per = check.Enum(here, "per", limit.per(), policy::RateKey::kCaller);
    read.header = check.Text(here, "header", limit.header());
    if (read.per == policy::RateKey::kHeader && read.header.empty())
      check.Fail(Path(here, "header"), "is empty");
    read.path = check.Text(here, "path", limit.path());
    read.rate = check.Number(here, "rate", limit.rate(), 1e-3, 1e6);
    read.burst = check.Count(here, "burst", limit.burst(), 1, kMany);
    read.global = limit.global();
    if (read.global && read.per != policy::RateKey::kService)
      check.Fail(Path(here, "global"), "is for limits per service only");
  }
  return out;
}

policy::Bulkheads ReadBulkheads(const v1::Bulkheads& in, const Path& at, Check& check) {
  return {check.Count(at, "per_caller", in.per_caller(), 0, kMany),
          check.Count(at, "per_route", in.per_route(), 0, kMany)};
}

policy::Hedging ReadHedging(const v1::Hedging& in, const Path& at, Check& check) {
  policy::Hedging out;
  out.enabled = in.enabled();
  out.budget_percent = check.Number(at, "budget_percent", in.budget_percent(), 0.1, 5);
  out.min_delay = check.Span(at, "min_delay_ns", in.min_delay_ns());
  return out;
}

}  // namespace

policy::Retry ReadRetry(const v1::Retry& in, const Path& at, Check& check) {
  policy::Retry out;
  out.enabled = in.enabled();
  out.attempts = check.Count(at, "attempts", in.attempts(), 0, 100);
  out.on = check.Count(at, "on", in.on(), 0, kAllRetryOn);
  if (in.codes_size() > 200) check.Fail(Path(at, "codes"), "has more than 200 entries");
  for (int i = 0; i < in.codes_size() && check.ok(); ++i) {
    if (in.codes(i) < 400 || in.codes(i) > 599)
      check.Fail(Path(at, "codes", i), "must be between 400 and 599");
    out.codes.push_back(static_cast<std::uint16_t>(in.codes(i)));
  }
  out.backoff = check.Span(at, "backoff_ns", in.backoff_ns());
  out.max_backoff = check.Span(at, "max_backoff_ns", in.max_backoff_ns());
  out.backoff_is_minimum = in.backoff_is_minimum();
  out.budget_percent = check.Number(at, "budget_percent", in.budget_percent(), 0, 1000);
  out.budget_min_per_second = check.Count(at, "budget_min_per_second", in.budget_min_per_second(), 0, kMany);
  return out;
}

policy::Timeouts ReadTimeouts(const v1::Timeouts& in, const Path& at, Check& check) {
  policy::Timeouts out;
  out.connect = check.Span(at, "connect_ns", in.connect_ns());
  out.request = check.Span(at, "request_ns", in.request_ns());
  out.attempt = check.Span(at, "attempt_ns", in.attempt_ns());
  out.response_head = check.Span(at, "response_head_ns", in.response_head_ns());
  out.stream_idle = check.Span(at, "stream_idle_ns", in.stream_idle_ns());
  out.adaptive = check.Enum(at, "adaptive", in.adaptive(), policy::Mode::kAct);
  return out;
}

policy::FieldSource ReadSource(const v1::FieldSource& in, const Path& at, Check& check) {
  return {check.Required(at, "field", in.field()), check.Text(at, "source", in.source())};
}

// An absent block keeps the built-in defaults.
policy::ServicePolicy ReadPolicy(const v1::ServicePolicy& in, const Path& at, Check& check) {
  policy::ServicePolicy out;
  const auto block = [&](bool has, std::string_view name, const auto& message, auto& value,
                         const auto& read) {
    if (has) value = read(message, Path(at, name), check);
  };
  block(in.has_load_balancer(), "load_balancer", in.load_balancer(), out.load_balancer, ReadBalancer);
  block(in.has_circuit_breaker(), "circuit_breaker", in.circuit_breaker(), out.circuit_breaker, ReadBreaker);
  block(in.has_outlier_detection(), "outlier_detection", in.outlier_detection(), out.outlier_detection,
        ReadOutlier);
  block(in.has_connection_pool(), "connection_pool", in.connection_pool(), out.connection_pool, ReadPool);
  block(in.has_health_check(), "health_check", in.health_check(), out.health_check, ReadHealthCheck);
  block(in.has_retry(), "retry", in.retry(), out.retry, ReadRetry);
  block(in.has_bulkheads(), "bulkheads", in.bulkheads(), out.bulkheads, ReadBulkheads);
  block(in.has_hedging(), "hedging", in.hedging(), out.hedging, ReadHedging);
  block(in.has_timeouts(), "timeouts", in.timeouts(), out.timeouts, ReadTimeouts);
  block(in.has_concurrency(), "concurrency", in.concurrency(), out.concurrency, ReadConcurrency);
  block(in.has_rate_limits(), "rate_limits", in.rate_limits(), out.rate_limits, ReadRateLimits);
  out.mtls = check.Enum(at, "mtls", in.mtls(), policy::Mtls::kStrict);
  return out;
}

}  // namespace weft::wire
