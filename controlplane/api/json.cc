#include "controlplane/api/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "controlplane/api/text.h"

namespace weft::api {
namespace {

template <class Labels>
Json LabelsJson(const Labels& labels) {
  Json out = Json::object();
  for (const v1::Label& label : labels) out[label.name()] = label.value();
  return out;
}

std::string NameOf(const v1::ServiceKey& key) { return key.namespace_() + "/" + key.name(); }

std::string_view HealthName(v1::Declared declared) {
  switch (declared) {
    case v1::DECLARED_HEALTHY: return "healthy";
    case v1::DECLARED_DEGRADED: return "degraded";
    case v1::DECLARED_UNHEALTHY: return "unhealthy";
    default: return "unknown";
  }
}

Json NackJson(const v1::BundleNack& nack) {
  return {{"service", NameOf(nack.service())},
          {"hash", nack.hash()},
          {"field", nack.field()},
          {"reason", nack.detail()}};
}

template <class Texts>
Json TextsJson(const Texts& texts) {
  Json out = Json::array();
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

Json TrafficJson(const v1::RolloutTraffic& traffic) {
  return {{"requests", traffic.requests()}, {"failures", traffic.failures()}, {"p95Ms", traffic.p95_ms()}};
}

template <class Findings>
Json FindingsJson(const Findings& findings) {
  Json out = Json::array();
  for (const v1::Finding& finding : findings) {
    out.push_back({{"error", finding.error()},
                   {"code", finding.code()},
                   {"resource", finding.resource()},
                   {"field", finding.field()},
                   {"where", finding.where()},
                   {"message", finding.message()}});
  }
  return out;
}

template <class Results>
Json ResultsJson(const Results& results) {
  Json out = Json::array();
  for (const v1::Applied& applied : results) {
    const v1::Resource& resource = applied.resource();
    out.push_back({{"kind", resource.kind()},
                   {"namespace", resource.namespace_()},
                   {"name", resource.name()},
                   {"action", applied.action()},
                   {"etag", resource.etag()}});
  }
  return out;
}

}  // namespace

Json ToJson(const v1::Version& version) {
  return {{"storeId", version.store_id()}, {"epoch", version.epoch()}, {"revision", version.revision()}};
}

Json ToJson(const v1::Service& service) {
  Json out{{"namespace", service.namespace_()}, {"name", service.name()}, {"ports", Json::array()}};
  for (const v1::ServicePort& port : service.ports()) {
    Json one;
    if (!port.name().empty()) one["name"] = port.name();
    one["port"] = port.port();
    if (port.protocol() != v1::PROTOCOL_DETECT) one["protocol"] = ProtocolName(port.protocol());
    if (port.has_opaque()) one["opaque"] = port.opaque();
    if (port.proxy_protocol() != 0) one["proxyProtocol"] = ProxyProtocolName(port.proxy_protocol());
    out["ports"].push_back(std::move(one));
  }
  out["labels"] = LabelsJson(service.labels());
  out["instances"] = service.instances();
  out["healthy"] = service.healthy();
  out["source"] = service.source();
  if (service.conditions_size() > 0) {
    for (const v1::Condition& condition : service.conditions())
      out["conditions"].push_back({{"type", condition.type()},
                                   {"status", "True"},
                                   {"reason", condition.reason()},
                                   {"message", condition.message()},
                                   {"lastTransitionTime", UtcText(condition.since_unix_ms())}});
  }
  out["revision"] = service.revision();
  out["etag"] = service.etag();
  return out;
}

Json ToJson(const v1::RegisteredInstance& registered) {
  const v1::Instance& instance = registered.instance();
  Json out{{"namespace", registered.namespace_()},
           {"service", registered.service()},
           {"id", instance.id()},
           {"address", instance.address()},
           {"port", instance.port()}};
  if (instance.ports_size() > 0) {
    for (const v1::PortNumber& port : instance.ports()) out["ports"][port.name()] = port.port();
  }
  out["weight"] = instance.weight();
  out["zone"] = instance.zone();
  out["labels"] = LabelsJson(instance.labels());
  out["health"] = HealthName(instance.declared());
  out["draining"] = instance.draining();
  out["capabilities"] = {
      {"meshed", instance.meshed()}, {"http2", instance.http2()}, {"mtls", instance.mtls()}};
  out["ttl"] = registered.ttl_ms() == 0 ? "" : SpanText(registered.ttl_ms());
  out["expiresInMs"] = registered.expires_in_ms();
  out["source"] = registered.is_static()        ? std::string("static")
                  : registered.source().empty() ? std::string("registered")
                                                : registered.source();
  if (registered.stale_ms() > 0) out["staleMs"] = registered.stale_ms();
  if (registered.has_seen()) {
    const v1::InstanceHealth& seen = registered.seen();
    out["score"] = std::lround(100 * seen.standing() * seen.errors() * seen.speed());
    out["scoreParts"] = {{"standing", seen.standing()}, {"errors", seen.errors()}, {"speed", seen.speed()}};
  }
  out["endpointsVersion"] = registered.endpoints_version();
  out["etag"] = registered.etag();
  return out;
}

Json ToJson(const v1::Resource& resource) {
  Json out = Json::parse(resource.json());
  out["metadata"]["resourceVersion"] = resource.etag();
  return out;
}

std::string ToText(const v1::ListResourcesResponse& page) {
  // In canonical form nothing stands between them, and no text holds a bare quote.
  constexpr std::string_view kAfterMetadata = "},\"spec\":";
  std::string text = "{\"items\":[";
  for (const v1::Resource& resource : page.resources()) {
    const std::string_view json = resource.json();
    const std::size_t end = json.find(kAfterMetadata);
    if (text.back() != '[') text += ',';
    text.append(json.substr(0, end));
    text.append(",\"resourceVersion\":\"" + resource.etag() + "\"").append(json.substr(end));
  }
  text += "],\"revision\":" + std::to_string(page.revision());
  return text + ",\"continue\":" + Json(page.next()).dump() + "}\n";
}

Json ToJson(const v1::WatchEvent& event) {
  Json out{{"type", v1::WatchEvent::Type_Name(event.type())}, {"revision", event.revision()}};
  if (event.has_resource()) out["resource"] = ToJson(event.resource());
  return out;
}

Json ToJson(const v1::ApplyResponse& response) {
  Json out{{"revision", response.revision()},
           {"dryRun", response.dry_run()},
           {"results", ResultsJson(response.applied())},
           {"findings", FindingsJson(response.findings())}};
  if (response.rollout()) out["rollout"] = true;
  return out;
}

Json ToJson(const v1::RollBackResponse& response) {
  return {{"revision", response.revision()},
          {"restored", response.restored()},
          {"unchanged", response.unchanged()},
          {"dryRun", response.dry_run()},
          {"results", ResultsJson(response.applied())},
          {"findings", FindingsJson(response.findings())}};
}

Json ToJson(const v1::ResourceDiff& diff) {
  return {{"kind", diff.kind()},
          {"namespace", diff.namespace_()},
          {"name", diff.name()},
          {"change", diff.change()},
          {"diff", diff.diff()}};
}

Json ToJson(const v1::Revision& revision) {
  Json out{{"revision", revision.revision()},
           {"at", UtcText(revision.at_unix_ms())},
           {"principal", revision.principal()},
           {"summary", revision.summary()},
           {"resources", TextsJson(revision.resources())}};
  return out;
}

Json ToJson(const v1::Rollout& rollout) {
  Json out{{"revision", rollout.revision()},
           {"base", rollout.base()},
           {"state", rollout.state()},
           {"phase", rollout.phase()},
           {"stage", rollout.stage()},
           {"stages", TextsJson(rollout.plan().stages())},
           {"bake", SpanText(rollout.plan().bake_ms())},
           {"converge", SpanText(rollout.plan().converge_ms())},
           {"principal", rollout.principal()},
           {"began", UtcText(rollout.began_unix_ms())},
           {"ended", UtcText(rollout.ended_unix_ms())},
           {"reason", rollout.reason()},
           {"message", rollout.message()},
           {"evidence", TextsJson(rollout.evidence())},
           {"nodes", TextsJson(rollout.nodes())},
           {"agents", rollout.agents()},
           {"converged", rollout.converged()},
           {"candidate", TrafficJson(rollout.candidate())},
           {"others", TrafficJson(rollout.others())}};
  if (rollout.rolled_back_as() != 0) out["rolledBackAs"] = rollout.rolled_back_as();
  return out;
}

Json ToJson(const v1::Agent& agent) {
  Json out{{"id", agent.node_id()},
           {"namespace", agent.namespace_()},
           {"service", agent.service()},
           {"zone", agent.zone()},
           {"labels", LabelsJson(agent.labels())},
           {"version", agent.program_version()},
           {"peer", agent.peer()},
           {"connectedSince", UtcText(agent.connected_unix_ms())}};
  if (agent.has_target()) out["target"] = ToJson(agent.target());
  if (agent.has_effective()) out["held"] = ToJson(agent.effective());
  out["partial"] = agent.partial();
  out["awaitingAccept"] = agent.awaiting_confirmation();
  out["draining"] = agent.draining();
  out["subscriptions"] = agent.subscriptions();
  if (agent.certificate_until_unix_ms() != 0) {
    out["certificateUntil"] = UtcText(agent.certificate_until_unix_ms());
    out["certificateSerial"] = agent.certificate_serial();
    out["certificateUri"] = agent.certificate_uri();
  }
  if (agent.has_last_nack()) out["lastNack"] = NackJson(agent.last_nack());
  return out;
}

Json ToJson(const v1::Event& event) {
  return {{"number", event.number()},
          {"type", event.type()},
          {"reason", event.reason()},
          {"object", {{"kind", event.kind()}, {"namespace", event.namespace_()}, {"name", event.name()}}},
          {"message", event.message()},
          {"count", event.count()},
          {"firstSeen", UtcText(event.first_unix_ms())},
          {"lastSeen", UtcText(event.last_unix_ms())}};
}

Json ToJson(const v1::AgentConfig& config) {
  Json out{{"agent", ToJson(config.agent())},
           {"bundles", Json::array()},
           {"rejected", Json::array()},
           {"refused", config.refused()}};
  for (const v1::HeldService& held : config.held()) {
    out["bundles"].push_back({{"service", NameOf(held.service())},
                              {"hash", held.bundle_hash()},
                              {"endpointsVersion", held.endpoints_version()}});
  }
  for (const v1::BundleNack& nack : config.rejected()) out["rejected"].push_back(NackJson(nack));
  return out;
}

Json ToJson(const v1::ExplainResult& result) {
  Json out{{"asked", result.asked()}, {"answered", result.answered()}, {"records", Json::array()}};
  for (const v1::ExplainRecord& record : result.records()) {
    out["records"].push_back(
        {{"agent", record.node_id()}, {"record", Json::parse(record.json(), nullptr, false)}});
  }
  return out;
}

}  // namespace weft::api
