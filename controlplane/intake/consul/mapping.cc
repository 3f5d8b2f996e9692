#include "controlplane/intake/consul/mapping.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/net/address.h"
#include "common/net/key.h"
#include "common/resource/schema.h"
#include "controlplane/api/foreign.h"
#include "controlplane/api/json.h"
#include "controlplane/api/text.h"

namespace weft::intake::consul {
namespace {

using api::At;
using api::Json;
using api::Text;

constexpr std::string_view kNodeMaintenance = "_node_maintenance";
constexpr std::string_view kServiceMaintenance = "_service_maintenance:";

std::uint32_t Number(const Json& json, const char* key, std::uint32_t absent) {
  const Json& value = At(json, key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0xffffffffU) return absent;
  return value.get<std::uint32_t>();
}

struct Verdict {
  v1::Declared declared = v1::DECLARED_HEALTHY;
  bool maintenance = false;
};

Verdict Judge(const Json& checks) {
  Verdict verdict;
  if (!checks.is_array()) return verdict;
  for (const Json& check : checks) {
    const std::string id = Text(check, "CheckID"), status = Text(check, "Status");
    if (status == "critical" && (id == kNodeMaintenance || id.starts_with(kServiceMaintenance))) {
      verdict.maintenance = true;
    } else if (status == "critical") {
      verdict.declared = v1::DECLARED_UNHEALTHY;
    } else if (status == "warning" && verdict.declared == v1::DECLARED_HEALTHY) {
      verdict.declared = v1::DECLARED_DEGRADED;
    }
  }
  return verdict;
}

void AddLabels(const Json& meta, v1::Instance& out) {
  if (!meta.is_object()) return;
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : meta.items()) {
    if (value.is_string() && !key.empty() && !key.starts_with("weft-"))
      sorted[key] = value.get<std::string>();
  }
  for (const auto& [key, value] : sorted) {
    v1::Label& label = *out.add_labels();
    label.set_name(key);
    label.set_value(value);
  }
}

Result<v1::Instance> ReadInstance(const Json& entry) {
  const Json& service = At(entry, "Service");
  const Json& node = At(entry, "Node");
  v1::Instance out;
  const std::string node_id = Text(node, "ID").empty() ? Text(node, "Node") : Text(node, "ID");
  out.set_id(node_id + "/" + Text(service, "ID"));
  if (node_id.empty() || Text(service, "ID").empty()) return Invalid("has no node or no id", "Service.ID");
  const std::string own = Text(service, "Address");
  out.set_address(own.empty() ? Text(node, "Address") : own);
  if (!net::Ip::Parse(out.address()))
    return Invalid("'" + out.address() + "' is no IP address; register one", "Service.Address", out.id());
  out.set_port(Number(service, "Port", 0));
  if (out.port() == 0 || out.port() > 65535) return Invalid("is no port", "Service.Port", out.id());
  const Verdict verdict = Judge(At(entry, "Checks"));
  out.set_declared(verdict.declared);
  out.set_draining(verdict.maintenance);
  const bool degraded = verdict.declared == v1::DECLARED_DEGRADED;
  const Json& weights = At(service, "Weights");
  out.set_weight(std::min(Number(weights, degraded ? "Warning" : "Passing", 1), 1'000'000U));
  const std::string zone = Text(At(service, "Meta"), "weft-zone");
  out.set_zone(zone.empty() ? Text(At(service, "Locality"), "Zone") : zone);
  AddLabels(At(service, "Meta"), out);
  return out;
}

// What the first instance, by id, says of the service.
void ReadService(const Json& meta, const Defaults& defaults, Health& out) {
  v1::ServicePort& port = *out.service.add_ports();
  port.set_port(defaults.port);
  port.set_protocol(defaults.protocol);
  if (const std::string text = Text(meta, "weft-port"); !text.empty()) {
    const auto number = net::ParsePort(text);
    if (number && *number != 0) port.set_port(*number);
    if (!number || *number == 0)
      out.unusable.push_back(Invalid("'" + text + "' is no port", "Meta.weft-port", out.service.name()));
  }
  if (const std::string text = Text(meta, "weft-protocol"); !text.empty()) {
    const auto protocol = api::ParseProtocol(text);
    if (protocol) port.set_protocol(*protocol);
    if (!protocol)
      out.unusable.push_back(Invalid(protocol.error().detail, "Meta.weft-protocol", out.service.name()));
  }
}

}  // namespace

Result<std::vector<std::string>> ReadCatalog(std::string_view body, std::string_view tag) {
  Json json;
  if (auto ok = api::ParseJson(body, json); !ok) return ok.error();
  if (!json.is_object()) return Invalid("the catalog is no object of services");
  std::vector<std::string> names;
  for (const auto& [name, tags] : json.items()) {
    if (name == "consul" || name.empty()) continue;
    const bool has =
        tag.empty() || (tags.is_array() && std::any_of(tags.begin(), tags.end(), [&](const Json& one) {
                          return one.is_string() && one.get_ref<const std::string&>() == tag;
                        }));
    if (has) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Health> ReadHealth(std::string_view body, const std::string& name, const Defaults& defaults) {
  Json json;
  if (auto ok = api::ParseJson(body, json); !ok) return ok.error();
  if (!json.is_array()) return Invalid("the health of a service is no list", {}, name);
  Health out;
  out.service.set_namespace_(defaults.ns);
  const std::string key = resource::LowerCase(name);
  out.service.set_name(key);
  if (!IsDnsLabel(key))
    return Invalid("is no name for a service here: letters, digits and '-', at most 63", {},
                   "service " + name);
  std::map<std::string, v1::Instance> by_id;
  std::map<std::string, const Json*> meta;
  std::size_t proxies = 0;
  for (const Json& entry : json) {
    if (!Text(At(entry, "Service"), "Kind").empty()) {
      ++proxies;
      continue;
    }
    auto instance = ReadInstance(entry);
    if (!instance) {
      out.unusable.push_back(instance.error());
      continue;
    }
    meta[instance->id()] = &At(At(entry, "Service"), "Meta");
    by_id[instance->id()] = std::move(*instance);
  }
  out.is_proxy = proxies > 0 && proxies == json.size();
  static const Json nothing;
  ReadService(meta.empty() ? nothing : *meta.begin()->second, defaults, out);
  for (auto& [id, instance] : by_id) out.instances.push_back(std::move(instance));
  return out;
}

}  // namespace weft::intake::consul
