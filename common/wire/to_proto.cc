#include "common/wire/wire.h"

namespace weft::wire {
namespace {

void Put(const policy::CircuitBreaker& in, v1::CircuitBreaker& out) {
  out.set_enabled(in.enabled);
  out.set_failure_threshold(in.failure_threshold);
  out.set_minimum_requests(in.minimum_requests);
  out.set_adaptive(in.adaptive);
  out.set_fixed_open(in.fixed_open);
  out.set_open_duration_ns(in.open_duration.count());
  out.set_half_open_max_calls(in.half_open_max_calls);
  out.set_slow_response_ns(in.slow_response.count());
  out.set_weight_timeout(in.weight_timeout);
  out.set_weight_5xx(in.weight_5xx);
  out.set_weight_connection(in.weight_connection);
  out.set_weight_slow(in.weight_slow);
  out.set_weight_4xx(in.weight_4xx);
  out.set_predict(static_cast<v1::Mode>(in.predict));
}

void Put(const policy::OutlierDetection& in, v1::OutlierDetection& out) {
  out.set_enabled(in.enabled);
  out.set_consecutive_failures(in.consecutive_failures);
  out.set_consecutive_span_ns(in.consecutive_span.count());
  out.set_failure_rate(in.failure_rate);
  out.set_minimum_requests(in.minimum_requests);
  out.set_base_ejection_ns(in.base_ejection.count());
  out.set_max_ejection_ns(in.max_ejection.count());
  out.set_max_ejected_percent(in.max_ejected_percent);
  out.set_latency_factor(in.latency_factor);
}

void Put(const policy::HealthCheck& in, v1::HealthCheck& out) {
  out.set_enabled(in.enabled);
  out.set_tcp(in.tcp);
  out.set_path(in.path);
  out.set_port(in.port);
  out.set_interval_ns(in.interval.count());
  out.set_timeout_ns(in.timeout.count());
  out.set_failure_threshold(in.failure_threshold);
  out.set_recovery_threshold(in.recovery_threshold);
  out.set_max_response_time_ns(in.max_response_time.count());
}

void Put(const policy::ConnectionPool& in, v1::ConnectionPool& out) {
  out.set_max_connections(in.max_connections);
  out.set_max_pending(in.max_pending);
  out.set_max_requests(in.max_requests);
  out.set_max_keepalive(in.max_keepalive);
  out.set_keepalive_expiry_ns(in.keepalive_expiry.count());
  out.set_keepalive_expiry_set(in.keepalive_expiry_set);
  out.set_max_age_ns(in.max_age.count());
  out.set_http2(in.http2);
}

void Put(const policy::Retry& in, v1::Retry& out) {
  out.set_enabled(in.enabled);
  out.set_attempts(in.attempts);
  out.set_on(in.on);
  for (const std::uint16_t code : in.codes) out.add_codes(code);
  out.set_backoff_ns(in.backoff.count());
  out.set_max_backoff_ns(in.max_backoff.count());
  out.set_backoff_is_minimum(in.backoff_is_minimum);
  out.set_budget_percent(in.budget_percent);
  out.set_budget_min_per_second(in.budget_min_per_second);
}

void Put(const policy::Hedging& in, v1::Hedging& out) {
  out.set_enabled(in.enabled);
  out.set_budget_percent(in.budget_percent);
  out.set_min_delay_ns(in.min_delay.count());
}

void Put(const policy::Timeouts& in, v1::Timeouts& out) {
  out.set_connect_ns(in.connect.count());
  out.set_request_ns(in.request.count());
  out.set_attempt_ns(in.attempt.count());
  out.set_response_head_ns(in.response_head.count());
  out.set_stream_idle_ns(in.stream_idle.count());
  out.set_adaptive(static_cast<v1::Mode>(in.adaptive));
}

void Put(const policy::Concurrency& in, v1::Concurrency& out) {
  out.set_limiter(static_cast<v1::Limiter>(in.limiter));
  out.set_initial(in.initial);
  out.set_min(in.min);
  out.set_max(in.max);
  out.set_priority_header(in.priority_header);
}

void Put(const policy::LoadBalancer& in, v1::LoadBalancer& out) {
  out.set_policy(static_cast<v1::Balancer>(in.policy));
  out.set_hash_header(in.hash_header);
  out.set_hash_cookie(in.hash_cookie);
  out.set_hash_query(in.hash_query);
  out.set_hash_source(in.hash_source);
  out.set_load_factor(in.load_factor);
  out.set_slow_start_ns(in.slow_start.count());
  out.set_prefer_zone(in.prefer_zone);
  out.set_subset(in.subset);
}

void Put(const policy::RateLimit& in, v1::RateLimit& out) {
  out.set_name(in.name);
  out.set_per(static_cast<v1::RateKey>(in.per));
  out.set_header(in.header);
  out.set_path(in.path);
  out.set_rate(in.rate);
  out.set_burst(in.burst);
  out.set_global(in.global);
}

void Put(const policy::FieldSource& in, v1::FieldSource& out) {
  out.set_field(in.field);
  out.set_source(in.source);
}

void Put(const policy::NamedMatch& in, v1::NamedMatch& out) {
  out.set_type(static_cast<v1::MatchType>(in.type));
  out.set_name(in.name);
  out.set_value(in.value);
}

void Put(const policy::HeaderEdit& in, v1::HeaderEdit& out) {
  out.set_name(in.name);
  out.set_value(in.value);
}

void Put(const BackendKey& in, v1::BackendKey& out) {
  *out.mutable_service() = ToProto(in.service);
  out.set_port(in.port);
}

void Put(const policy::RouteMatch& in, v1::RouteMatch& out);
void Put(const policy::BackendRef& in, v1::BackendRef& out);
void Put(const policy::Mirror& in, v1::Mirror& out);
void Put(const policy::RouteRule& in, v1::RouteRule& out);
void Put(const policy::Route& in, v1::Route& out);
void Put(const policy::ServicePort& in, v1::ServicePort& out);
void Put(const snapshot::Instance& in, v1::Instance& out);

template <class In, class Out>
void PutAll(const std::vector<In>& in, google::protobuf::RepeatedPtrField<Out>* out) {
  for (const In& one : in) Put(one, *out->Add());
}

void Put(const policy::RouteMatch& in, v1::RouteMatch& out) {
  out.mutable_path()->set_type(static_cast<v1::MatchType>(in.path.type));
  out.mutable_path()->set_value(in.path.value);
  PutAll(in.headers, out.mutable_headers());
  PutAll(in.query, out.mutable_query());
  out.set_method(in.method);
}

void Put(const policy::HeaderFilter& in, v1::HeaderFilter& out) {
  PutAll(in.set, out.mutable_set());
  PutAll(in.add, out.mutable_add());
  for (const std::string& name : in.remove) out.add_remove(name);
}

void Put(const policy::PathRewrite& in, v1::PathRewrite& out) {
  out.set_prefix(in.prefix);
  out.set_value(in.value);
}

void Put(const policy::Redirect& in, v1::Redirect& out) {
  out.set_scheme(in.scheme);
  out.set_hostname(in.hostname);
  if (in.path) Put(*in.path, *out.mutable_path());
  out.set_port(in.port);
  out.set_status(in.status);
}

template <class Message>
void PutFilters(const policy::HeaderFilter& request, const policy::HeaderFilter& response, Message& out) {
  if (!request.empty()) Put(request, *out.mutable_request_headers());
  if (!response.empty()) Put(response, *out.mutable_response_headers());
}

void Put(const policy::BackendRef& in, v1::BackendRef& out) {
  Put(in.backend, *out.mutable_backend());
  out.set_weight(in.weight);
  out.set_usable(in.usable);
  PutFilters(in.request_headers, in.response_headers, out);
}

void Put(const policy::Mirror& in, v1::Mirror& out) {
  Put(in.backend, *out.mutable_backend());
  out.set_fraction(in.fraction);
}

void Put(const policy::RouteRule& in, v1::RouteRule& out) {
  out.set_name(in.name);
  PutAll(in.matches, out.mutable_matches());
  PutFilters(in.request_headers, in.response_headers, out);
  if (in.rewrite_path) Put(*in.rewrite_path, *out.mutable_rewrite_path());
  out.set_rewrite_hostname(in.rewrite_hostname);
  if (in.redirect) Put(*in.redirect, *out.mutable_redirect());
  PutAll(in.mirrors, out.mutable_mirrors());
  PutAll(in.backends, out.mutable_backends());
  Put(in.timeouts, *out.mutable_timeouts());
  Put(in.retry, *out.mutable_retry());
  PutAll(in.sources, out.mutable_sources());
}

void Put(const policy::Route& in, v1::Route& out) {
  out.set_name(in.name);
  out.set_namespace_(in.ns);
  out.set_parent_port(in.parent_port);
  out.set_consumer(in.consumer);
  for (const std::string& host : in.hostnames) out.add_hostnames(host);
  out.set_created(in.created);
  PutAll(in.rules, out.mutable_rules());
  out.set_kind(static_cast<v1::RouteKind>(in.kind));
}

void Put(const policy::ServicePort& in, v1::ServicePort& out) {
  out.set_name(in.name);
  out.set_port(in.port);
  out.set_protocol(static_cast<v1::Protocol>(in.protocol));
  out.set_proxy_protocol(in.proxy_protocol);
}

void Put(const policy::ServicePolicy& in, v1::ServicePolicy& out) {
  Put(in.load_balancer, *out.mutable_load_balancer());
  Put(in.circuit_breaker, *out.mutable_circuit_breaker());
  Put(in.outlier_detection, *out.mutable_outlier_detection());
  Put(in.connection_pool, *out.mutable_connection_pool());
  Put(in.health_check, *out.mutable_health_check());
  Put(in.retry, *out.mutable_retry());
  if (in.hedging.enabled) Put(in.hedging, *out.mutable_hedging());
  Put(in.timeouts, *out.mutable_timeouts());
  Put(in.concurrency, *out.mutable_concurrency());
  if (in.bulkheads.per_caller + in.bulkheads.per_route > 0) {
    out.mutable_bulkheads()->set_per_caller(in.bulkheads.per_caller);
    out.mutable_bulkheads()->set_per_route(in.bulkheads.per_route);
  }
  out.mutable_rate_limits()->set_connections_per_address(in.rate_limits.connections_per_address);
  for (const policy::RateLimit& limit : in.rate_limits.limits)
    Put(limit, *out.mutable_rate_limits()->add_limits());
  out.set_mtls(static_cast<v1::Mtls>(in.mtls));
}

void Put(const snapshot::Instance& in, v1::Instance& out) {
  out.set_id(in.id);
  out.set_address(in.address.ip.ToString());
  out.set_port(in.address.port);
  for (const auto& [name, port] : in.ports) {
    v1::PortNumber& one = *out.add_ports();
    one.set_name(name);
    one.set_port(port);
  }
  out.set_weight(in.weight);
  out.set_zone(in.zone);
  for (const auto& [name, value] : in.labels) {
    v1::Label& one = *out.add_labels();
    one.set_name(name);
    one.set_value(value);
  }
  out.set_declared(static_cast<v1::Declared>(in.declared));
  out.set_draining(in.draining);
  out.set_meshed(in.capabilities.meshed);
  out.set_http2(in.capabilities.http2);
  out.set_mtls(in.capabilities.mtls);
}

}  // namespace

v1::ServiceKey ToProto(const ServiceKey& key) {
  v1::ServiceKey out;
  if (key.cluster != "local") out.set_cluster(key.cluster);
  out.set_namespace_(key.ns);
  out.set_name(key.name);
  return out;
}

v1::Version ToProto(const snapshot::Version& version) {
  v1::Version out;
  out.set_store_id(version.store_id);
  out.set_epoch(version.epoch);
  out.set_revision(version.revision);
  return out;
}

v1::ServiceBundle ToProto(const policy::ServiceBundle& bundle) {
  v1::ServiceBundle out;
  *out.mutable_key() = ToProto(bundle.key);
  PutAll(bundle.ports, out.mutable_ports());
  for (const std::string& address : bundle.addresses) out.add_addresses(address);
  Put(bundle.policy, *out.mutable_policy());
  PutAll(bundle.sources, out.mutable_sources());
  PutAll(bundle.routes, out.mutable_routes());
  return out;
}

v1::Endpoints ToProto(const snapshot::EndpointsUpdate& update) {
  v1::Endpoints out;
  *out.mutable_service() = ToProto(update.endpoints->service);
  out.set_store_id(update.store_id);
  out.set_epoch(update.epoch);
  out.set_version(update.endpoints->version);
  PutAll(update.endpoints->instances, out.mutable_instances());
  return out;
}

std::string HashInstances(const std::vector<snapshot::Instance>& instances) {
  google::protobuf::RepeatedPtrField<v1::Instance> messages;
  PutAll(instances, &messages);
  return HashInstances(messages);
}

std::string HashInstances(const google::protobuf::RepeatedPtrField<v1::Instance>& instances) {
  v1::Endpoints bare;
  *bare.mutable_instances() = instances;
  return Sha256Hex(bare.SerializeAsString()).substr(0, 16);
}

v1::Instance ToProto(const snapshot::Instance& instance) {
  v1::Instance out;
  Put(instance, out);
  return out;
}

v1::BundleNack ToProto(const snapshot::Refusal& refusal) {
  v1::BundleNack out;
  *out.mutable_service() = ToProto(refusal.service);
  out.set_hash(refusal.hash);
  out.set_field(refusal.error.field);
  out.set_detail(refusal.error.detail);
  return out;
}

}  // namespace weft::wire
