#include "agent/admin/pages.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

namespace weft::admin {
namespace {

using Json = nlohmann::json;

double Millis(double nanos) { return nanos / 1e6; }

const report::InstanceTotals& TotalsOf(const report::AgentStatus& status, const report::EdgeKey& key,
                                       const std::string& id) {
  static const report::InstanceTotals kNone;
  const auto backend = status.totals.find(key);
  if (backend == status.totals.end()) return kNone;
  const auto found = backend->second.instances.find(id);
  return found == backend->second.instances.end() ? kNone : found->second;
}

Json Instance(const report::AgentStatus& status, const report::EdgeKey& key, const std::string& id,
              const report::InstanceStatus& instance) {
  const report::InstanceTotals& totals = TotalsOf(status, key, id);
  return {{"id", id},
          {"service", key.first.service.ToString()},
          {"port", key.first.port},
          {"address", instance.address},
          {"zone", instance.zone},
          {"state", report::ToString(instance.state)},
          {"draining", instance.draining},
          {"health", std::round(instance.health.number())},
          {"healthParts",
           {{"standing", instance.health.standing},
            {"errors", instance.health.errors},
            {"speed", instance.health.speed}}},
          {"weight", instance.weight},
          {"inFlight", instance.in_flight},
          {"connections", instance.connections},
          {"requests", totals.requests},
          {"failures", totals.failures},
          {"averageMs", Millis(totals.average_nanos)}};
}

Json Routes(const policy::ServiceBundle& bundle) {
  Json routes = Json::array();
  for (const policy::Route& route : bundle.routes) {
    Json rules = Json::array();
    for (const policy::RouteRule& rule : route.rules) {
      Json backends = Json::array();
      for (const policy::BackendRef& ref : rule.backends) {
        backends.push_back(
            {{"backend", ref.backend.ToString()}, {"weight", ref.weight}, {"usable", ref.usable}});
      }
      rules.push_back(
          {{"name", rule.name}, {"matches", rule.matches.size()}, {"backends", std::move(backends)}});
    }
    routes.push_back({{"name", route.name},
                      {"parentPort", route.parent_port},
                      {"consumer", route.consumer},
                      {"hostnames", route.hostnames},
                      {"rules", std::move(rules)}});
  }
  return routes;
}

Json Endpoints(const snapshot::Endpoints& endpoints) {
  Json instances = Json::array();
  for (const snapshot::Instance& instance : endpoints.instances) {
    instances.push_back({{"id", instance.id},
                         {"address", instance.address.ToString()},
                         {"ports", instance.ports},
                         {"weight", instance.weight},
                         {"zone", instance.zone},
                         {"labels", instance.labels},
                         {"draining", instance.draining},
                         {"meshed", instance.capabilities.meshed},
                         {"http2", instance.capabilities.http2},
                         {"mtls", instance.capabilities.mtls}});
  }
  return {{"version", endpoints.version}, {"instances", std::move(instances)}};
}

Json Service(const snapshot::Service& service) {
  const policy::ServiceBundle& bundle = *service.bundle;
  Json ports = Json::array();
  for (const policy::ServicePort& port : bundle.ports)
    ports.push_back({{"name", port.name}, {"port", port.port}});
  return {{"service", bundle.key.ToString()},
          {"hash", bundle.hash},
          {"revision", service.revision},
          {"ports", std::move(ports)},
          {"addresses", bundle.addresses},
          {"routes", Routes(bundle)},
          {"endpoints", Endpoints(*service.endpoints)}};
}

}  // namespace

Json InstancesPage(const report::AgentStatus& status) {
  Json list = Json::array();
  for (const auto& [key, backend] : status.backends) {
    for (const auto& [id, instance] : backend.instances) list.push_back(Instance(status, key, id, instance));
  }
  return {{"instances", std::move(list)}};
}

Json CircuitsPage(const report::AgentStatus& status) {
  Json list = Json::array();
  for (const auto& [key, backend] : status.backends) {
    if (key.second == engine::Direction::kInbound) continue;  // a circuit protects a caller
    const report::CircuitStatus& circuit = backend.circuit;
    const Json to = {{"closed", circuit.to_closed},
                     {"open", circuit.to_open},
                     {"half_open", circuit.to_half_open},
                     {"recovering", circuit.to_recovering}};
    list.push_back({{"service", key.first.service.ToString()},
                    {"port", key.first.port},
                    {"enabled", circuit.enabled},
                    {"state", circuit.state},
                    {"failureThreshold", circuit.threshold},
                    {"openings", circuit.openings},
                    {"transitions", to}});
  }
  return {{"circuits", std::move(list)}};
}

Json PoolsPage(const report::AgentStatus& status) {
  Json list = Json::array();
  for (const auto& [key, backend] : status.backends) {
    const auto totals = status.totals.find(key);
    const bool used = totals != status.totals.end();
    list.push_back({{"service", key.first.service.ToString()},
                    {"port", key.first.port},
                    {"direction", report::ToString(key.second)},
                    {"active", backend.pool.active},
                    {"idle", backend.pool.idle},
                    {"pending", backend.pool.pending},
                    {"maxConnectionsPerInstance", backend.pool.max_connections},
                    {"requestsInFlight", backend.in_flight},
                    {"lent", used ? totals->second.lent : 0},
                    {"reused", used ? totals->second.reused : 0}});
  }
  return {{"pools", std::move(list)}};
}

Json SnapshotPage(const snapshot::Snapshot& snapshot) {
  std::map<std::string, Json> sorted;
  for (const auto& [key, service] : snapshot.services) sorted.emplace(key.ToString(), Service(*service));
  Json services = Json::array();
  for (auto& [name, service] : sorted) services.push_back(std::move(service));
  return {{"version", snapshot.version.ToString()}, {"storeId", snapshot.version.store_id},
          {"epoch", snapshot.version.epoch},        {"revision", snapshot.version.revision},
          {"generation", snapshot.generation},      {"services", std::move(services)}};
}

}  // namespace weft::admin
