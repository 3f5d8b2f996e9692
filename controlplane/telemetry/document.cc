#include "controlplane/telemetry/document.h"

#include "controlplane/telemetry/answers.h"

#include "common/time/time.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace weft::telemetry {
namespace {

using Json = nlohmann::ordered_json;

double Rounded(double value, double steps) { return std::round(value * steps) / steps; }
double Millis(double nanos) { return Rounded(nanos / 1e6, 10); }
double Seconds(std::int64_t unix_ms) { return static_cast<double>(unix_ms) / 1000; }
double Rate(std::uint64_t good, std::uint64_t all) {
  return all == 0 ? 1.0 : Rounded(static_cast<double>(good) / static_cast<double>(all), 1000);
}
std::uint64_t Less(std::uint64_t all, std::uint64_t some) { return all > some ? all - some : 0; }

double AverageMs(const Traffic& traffic) {
  return traffic.timed == 0
             ? 0
             : Millis(static_cast<double>(traffic.latency_ns) / static_cast<double>(traffic.timed));
}
double PercentileMs(const Traffic& traffic, double percent) {
  return Rounded(traffic.latency.Percentile(percent) / 1e3, 10);
}

std::string TimeText(std::int64_t unix_ms) {
  return UtcText(std::chrono::sys_seconds(std::chrono::seconds(unix_ms / 1000)));
}

std::string KeyText(const ServiceKey& key) {
  return key.cluster == "local" && key.ns == "default" ? key.name : key.ToString();
}

std::string_view HealthOf(const InstanceView& view) {
  if (view.state == "degraded" || view.state == "probing") return "degraded";
  return view.state == "unhealthy" || view.state == "ejected" ? "unhealthy" : "healthy";
}

std::string_view HealthOf(const snapshot::Instance& instance) {
  if (instance.declared == snapshot::Declared::kUnhealthy || instance.draining) return "unhealthy";
  return instance.declared == snapshot::Declared::kDegraded ? "degraded" : "healthy";
}

// What is declared counts unless that is well; then what agents saw.
std::string_view HealthOf(const snapshot::Instance& instance, const InstanceView& seen) {
  const std::string_view declared = HealthOf(instance);
  return declared == "healthy" ? HealthOf(seen) : declared;
}

const InstanceView& Seen(const ServiceView& view, const std::string& id) {
  static const InstanceView kUnseen;
  const auto found = view.instances.find(id);
  return found == view.instances.end() ? kUnseen : found->second;
}

// Registered instances, with what agents saw of them; of those that are gone nothing.
Json InstanceList(const ServiceView& view, const snapshot::EndpointsPtr& endpoints) {
  Json list = Json::array();
  if (endpoints == nullptr) return list;
  for (const snapshot::Instance& instance : endpoints->instances) {
    const InstanceView& seen = Seen(view, instance.id);
    const std::uint16_t port = instance.address.port != 0 || instance.ports.empty()
                                   ? instance.address.port
                                   : instance.ports.begin()->second;
    list.push_back({{"name", instance.id},
                    {"url", "http://" + net::Address{instance.address.ip, port}.ToString()},
                    {"health", HealthOf(instance, seen)},
                    {"weight", instance.weight},
                    {"response_time_ms", Millis(static_cast<double>(seen.latency_ns))},
                    {"failure_count", seen.failures},
                    {"success_count", Less(seen.requests, seen.failures)},
                    {"last_check", Seconds(seen.last_check_unix_ms)}});
  }
  return list;
}

Json Discovery(const std::string& name, const ServiceView& view, const Instances& count, Json instances) {
  const Traffic& total = view.window().total;
  return {{"service_name", name},
          {"total_instances", count.total},
          {"healthy_instances", count.healthy},
          {"degraded_instances", count.total - count.healthy - count.unhealthy},
          {"unhealthy_instances", count.unhealthy},
          {"total_requests", total.requests},
          {"successful_requests", Less(total.requests, total.failures)},
          {"success_rate", Rate(Less(total.requests, total.failures), total.requests)},
          {"average_response_time_ms", AverageMs(total)},
          {"instances", std::move(instances)}};
}

Json Breaker(const std::string& name, const ServiceView& view, TimePoint now) {
  std::uint32_t consecutive = 0;
  double threshold = 0;
  for (const auto& [key, breaker] : view.breakers) {
    consecutive = std::max(consecutive, breaker.consecutive_failures);
    threshold = threshold == 0 ? breaker.threshold : std::min(threshold, breaker.threshold);
  }
  const Traffic recent = view.window().Recent(now);
  const std::uint64_t good = Less(view.breaker_requests, view.breaker_failures);
  return {{"service_name", name},
          {"state", view.BreakerState()},
          {"total_requests", view.breaker_requests},
          {"successful_requests", good},
          {"failed_requests", view.breaker_failures},
          {"success_rate", Rate(good, view.breaker_requests)},
          {"consecutive_failures", consecutive},
          {"adaptive_threshold", std::llround(threshold)},
          {"failure_counts",
           {{"timeout", view.failures.timeout()},
            {"error_5xx", view.failures.error_5xx()},
            {"connection_error", view.failures.connection_error()},
            {"slow_response", view.failures.slow_response()},
            {"error_4xx", view.failures.error_4xx()}}},
          {"response_time_stats",
           {{"average_ms", AverageMs(recent)},
            {"p95_ms", PercentileMs(recent, 95)},
            {"p99_ms", PercentileMs(recent, 99)}}}};
}

Json Pool(const ServiceView& view) {
  return {{"total_requests", view.pool_requests},
          {"successful_requests", Less(view.pool_requests, view.pool_failures)},
          {"failed_requests", view.pool_failures},
          {"average_response_time", AverageMs(view.window().total)},
          {"last_used", Seconds(view.pool_last_used_unix_ms)},
          {"created_at", Seconds(view.pool_created_unix_ms)}};
}

std::string_view ServiceHealth(const ServiceView& view, std::uint64_t all, std::uint64_t healthy,
                               std::uint64_t bad) {
  if (view.BreakerState() == "open" || all == bad) return "unhealthy";
  return healthy < all || view.BreakerState() != "closed" ? "degraded" : "healthy";
}

// Every service that is registered or was reported.
std::set<ServiceKey> AllKeys(const Aggregate& aggregate, const EndpointLists& endpoints) {
  std::set<ServiceKey> keys;
  for (const auto& [key, view] : aggregate.services()) keys.insert(key);
  for (const auto& [key, list] : endpoints) keys.insert(key);
  return keys;
}

const ServiceView& ViewOf(const Aggregate& aggregate, const ServiceKey& key) {
  static const ServiceView kNothing;
  const auto found = aggregate.services().find(key);
  return found == aggregate.services().end() ? kNothing : found->second;
}

snapshot::EndpointsPtr ListOf(const EndpointLists& endpoints, const ServiceKey& key) {
  const auto found = endpoints.find(key);
  return found == endpoints.end() ? nullptr : found->second;
}

}  // namespace

Instances CountInstances(const Aggregate& aggregate, const EndpointLists& endpoints, const ServiceKey& key) {
  const ServiceView& view = ViewOf(aggregate, key);
  Instances count;
  if (const snapshot::EndpointsPtr list = ListOf(endpoints, key)) {
    for (const snapshot::Instance& instance : list->instances) {
      const InstanceView& seen = Seen(view, instance.id);
      const std::string_view health = HealthOf(instance, seen);
      ++count.total;
      count.healthy += health == "healthy";
      count.unhealthy += health == "unhealthy";
      count.serving += health != "unhealthy" || (HealthOf(instance) == "healthy" && seen.state == "ejected");
    }
  }
  count.health = ServiceHealth(view, count.total, count.healthy, count.unhealthy);
  return count;
}

std::string HealthStats(const Aggregate& aggregate, const EndpointLists& endpoints,
                        const std::string& correlation_id, Moment at) {
  Json health = Json::object(), breakers = Json::object(), pools = Json::object(), discovery = Json::object();
  for (const ServiceKey& key : AllKeys(aggregate, endpoints)) {
    const ServiceView& view = ViewOf(aggregate, key);
    const std::string name = KeyText(key);
    const Instances count = CountInstances(aggregate, endpoints, key);
    discovery[name] = Discovery(name, view, count, InstanceList(view, ListOf(endpoints, key)));
    health[name] = count.health;
    if (!view.breakers.empty() || view.breaker_requests > 0) breakers[name] = Breaker(name, view, at.now);
    if (view.pool_requests > 0 || view.pool_created_unix_ms > 0) pools[name] = Pool(view);
  }
  const Json document = {{"timestamp", TimeText(at.unix_ms)},
                         {"correlation_id", correlation_id},
                         {"service", "weft-control"},
                         {"statistics",
                          {{"service_health", health},
                           {"circuit_breakers", breakers},
                           {"connection_pools", pools},
                           {"service_discovery", discovery}}}};
  return document.dump();
}

std::string ServiceStats(const Aggregate& aggregate, const EndpointLists& endpoints, TimePoint now) {
  Json items = Json::array();
  for (const ServiceKey& key : AllKeys(aggregate, endpoints)) {
    const ServiceView& view = ViewOf(aggregate, key);
    const Traffic recent = view.window().Recent(now);
    const snapshot::EndpointsPtr list = ListOf(endpoints, key);
    const auto meshed = list == nullptr ? 0
                                        : std::count_if(list->instances.begin(), list->instances.end(),
                                                        [](const auto& i) { return i.capabilities.meshed; });
    items.push_back(
        {{"namespace", key.ns},
         {"name", key.name},
         {"instances", list == nullptr ? 0 : list->instances.size()},
         {"meshed", meshed},
         {"requests", recent.requests},
         {"retries", recent.retries},
         {"successRate", recent.requests == 0
                             ? 1.0
                             : Rounded(static_cast<double>(Less(recent.requests, recent.failures)) /
                                           static_cast<double>(recent.requests),
                                       10'000)},
         {"rps", recent.requests == 0
                     ? 0.0
                     : Rounded(static_cast<double>(recent.requests) / view.window().Seconds(now), 10)},
         {"p50Ms", PercentileMs(recent, 50)},
         {"p95Ms", PercentileMs(recent, 95)},
         {"p99Ms", PercentileMs(recent, 99)},
         {"circuit", view.BreakerState()}});
  }
  return Json{{"items", items}}.dump();
}

}  // namespace weft::telemetry
