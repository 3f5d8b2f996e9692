#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "agent/admin/pages.h"

#include "common/time/time.h"

namespace weft::admin {
namespace {

using Json = nlohmann::json;

// One service, its ports together.
struct ServiceStats {
  report::BackendTotals totals;
  report::EdgeTotals sum;
  std::map<std::string, report::InstanceStatus> instances;
  std::string circuit = "closed";
  double threshold = 0;
};

std::string NameOf(const ServiceKey& key) {
  return key.ns == "default" && key.cluster == "local" ? key.name : key.ToString();
}

int Severity(std::string_view circuit) {
  return circuit == "open" ? 3 : circuit == "half_open" ? 2 : circuit == "recovering" ? 1 : 0;
}

std::map<std::string, ServiceStats> ByService(const report::AgentStatus& status) {
  std::map<std::string, ServiceStats> services;
  for (const auto& [key, backend] : status.backends) {
    if (key.second == engine::Direction::kInbound) continue;
    ServiceStats& service = services[NameOf(key.first.service)];
    if (Severity(backend.circuit.state) >= Severity(service.circuit)) service.circuit = backend.circuit.state;
    service.threshold = std::max(service.threshold, backend.circuit.threshold);
    for (const auto& [id, instance] : backend.instances) {
      report::InstanceStatus& worst = service.instances.emplace(id, instance).first->second;
      worst.state = std::max(worst.state, instance.state);
      worst.last_check = std::max(worst.last_check, instance.last_check);
    }
    const auto totals = status.totals.find(key);
    if (totals != status.totals.end()) service.totals.Merge(totals->second);
  }
  for (auto& [name, service] : services) service.sum = service.totals.Sum();
  return services;
}

// The seeds know three states; an instance on probation gets some requests, an ejected one none.
std::string_view HealthOf(engine::InstanceState state) {
  switch (state) {
    case engine::InstanceState::kHealthy: return "healthy";
    case engine::InstanceState::kDegraded:
    case engine::InstanceState::kProbing: return "degraded";
    default: return "unhealthy";
  }
}

std::size_t CountHealth(const ServiceStats& service, std::string_view health) {
  return static_cast<std::size_t>(
      std::count_if(service.instances.begin(), service.instances.end(),
                    [&](const auto& instance) { return HealthOf(instance.second.state) == health; }));
}

std::string_view HealthOf(const ServiceStats& service) {
  const std::size_t all = service.instances.size();
  if (service.circuit == "open" || CountHealth(service, "unhealthy") == all) return "unhealthy";
  return service.circuit == "closed" && CountHealth(service, "healthy") == all ? "healthy" : "degraded";
}

double Ratio(std::uint64_t part, std::uint64_t all) {
  return all == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(all);
}

double AverageMs(const report::EdgeTotals& sum) {
  return sum.requests == 0 ? 0.0
                           : static_cast<double>(sum.total_nanos) / 1e6 / static_cast<double>(sum.requests);
}

std::uint64_t Kind(const ServiceStats& service, report::FailureKind kind) {
  return service.totals.failure_kinds[static_cast<std::size_t>(kind)];
}

Json Circuit(const std::string& name, const ServiceStats& service) {
  using report::FailureKind;
  const report::EdgeTotals& sum = service.sum;
  return {{"service_name", name},
          {"state", service.circuit},
          {"total_requests", sum.requests},
          {"successful_requests", sum.successes},
          {"failed_requests", sum.failures},
          {"success_rate", Ratio(sum.successes, sum.successes + sum.failures)},
          {"consecutive_failures", service.totals.consecutive_failures},
          {"adaptive_threshold", std::llround(service.threshold)},
          {"failure_counts",
           {{"timeout", Kind(service, FailureKind::kTimeout)},
            {"error_5xx", Kind(service, FailureKind::kError5xx)},
            {"connection_error", Kind(service, FailureKind::kConnection)},
            {"slow_response", Kind(service, FailureKind::kSlow)},
            {"error_4xx", Kind(service, FailureKind::kError4xx)}}},
          {"response_time_stats",
           {{"average_ms", AverageMs(sum)},
            {"p95_ms", sum.latency.Percentile(95) / 1e3},
            {"p99_ms", sum.latency.Percentile(99) / 1e3}}}};
}

// Unix seconds with milliseconds; 0: never.
double UnixSeconds(TimePoint at, Duration wall_minus_monotonic) {
  if (at == TimePoint()) return 0;
  const std::int64_t milliseconds = (Nanos(at) + wall_minus_monotonic.count()) / 1'000'000;
  return static_cast<double>(milliseconds) / 1e3;
}

Json Pool(const ServiceStats& service, Duration offset) {
  const report::EdgeTotals& sum = service.sum;
  return {{"total_requests", sum.requests},
          {"successful_requests", sum.successes},
          {"failed_requests", sum.failures},
          {"average_response_time", AverageMs(sum)},
          {"last_used", UnixSeconds(service.totals.last_used, offset)},
          {"created_at", UnixSeconds(service.totals.created, offset)}};
}

Json InstanceOf(const std::string& id, const report::InstanceStatus& instance, const ServiceStats& service,
                Duration offset) {
  const auto found = service.totals.instances.find(id);
  const report::InstanceTotals totals =
      found == service.totals.instances.end() ? report::InstanceTotals() : found->second;
  return {{"name", id},
          {"url", "http://" + instance.address},
          {"health", HealthOf(instance.state)},
          {"weight", instance.weight},
          {"response_time_ms", totals.average_nanos / 1e6},
          {"failure_count", totals.failures},
          {"success_count", totals.requests - totals.failures},
          {"last_check", UnixSeconds(instance.last_check, offset)}};
}

Json Discovery(const std::string& name, const ServiceStats& service, Duration offset) {
  Json instances = Json::array();
  for (const auto& [id, instance] : service.instances)
    instances.push_back(InstanceOf(id, instance, service, offset));
  const report::EdgeTotals& sum = service.sum;
  return {{"service_name", name},
          {"total_instances", service.instances.size()},
          {"healthy_instances", CountHealth(service, "healthy")},
          {"degraded_instances", CountHealth(service, "degraded")},
          {"unhealthy_instances", CountHealth(service, "unhealthy")},
          {"total_requests", sum.requests},
          {"successful_requests", sum.successes},
          {"success_rate", Ratio(sum.successes, sum.successes + sum.failures)},
          {"average_response_time_ms", AverageMs(sum)},
          {"instances", std::move(instances)}};
}

std::string Timestamp(const DocumentContext& context) {
  const WallTime at(Duration(Nanos(context.now)) + context.wall_minus_monotonic);
  return UtcText(std::chrono::floor<std::chrono::seconds>(at));
}

}  // namespace

Json HealthStats(const report::AgentStatus& status, const DocumentContext& context) {
  Json health = Json::object(), circuits = Json::object(), pools = Json::object(), discovery = Json::object();
  for (const auto& [name, service] : ByService(status)) {
    health[name] = HealthOf(service);
    circuits[name] = Circuit(name, service);
    pools[name] = Pool(service, context.wall_minus_monotonic);
    discovery[name] = Discovery(name, service, context.wall_minus_monotonic);
  }
  return {{"timestamp", Timestamp(context)},
          {"correlation_id", context.correlation_id},
          {"service", context.service},
          {"statistics",
           {{"service_health", std::move(health)},
            {"circuit_breakers", std::move(circuits)},
            {"connection_pools", std::move(pools)},
            {"service_discovery", std::move(discovery)}}}};
}

}  // namespace weft::admin
