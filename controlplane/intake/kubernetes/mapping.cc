#include "controlplane/intake/kubernetes/mapping.h"

#include <algorithm>
#include <set>

#include "common/net/address.h"
#include "common/net/port_range.h"
#include "controlplane/api/foreign.h"

namespace weft::intake::kubernetes {
namespace {

using api::At;
using api::Text;

std::uint16_t Port(const Json& json, const char* key) {
  const Json& value = At(json, key);
  const bool good =
      value.is_number_integer() && value.get<std::int64_t>() > 0 && value.get<std::int64_t>() < 65536;
  return good ? static_cast<std::uint16_t>(value.get<std::int64_t>()) : std::uint16_t{0};
}
bool IsTcp(const Json& port) {
  const std::string protocol = Text(port, "protocol");
  return protocol.empty() || protocol == "TCP";
}

std::string ProtocolOf(const Json& port) {
  static constexpr std::pair<std::string_view, const char*> kNames[] = {{"http", "HTTP"},
                                                                        {"kubernetes.io/ws", "HTTP"},
                                                                        {"http2", "HTTP2"},
                                                                        {"h2c", "HTTP2"},
                                                                        {"kubernetes.io/h2c", "HTTP2"},
                                                                        {"grpc", "GRPC"},
                                                                        {"https", "TLS"},
                                                                        {"tls", "TLS"},
                                                                        {"kubernetes.io/wss", "TLS"},
                                                                        {"tcp", "TCP"}};
  const std::string said = Text(port, "appProtocol");
  for (const auto& [name, protocol] : kNames) {
    if (said == name) return protocol;
  }
  return {};
}

bool IsOpaque(const std::vector<net::PortRange>& opaque, std::uint16_t port) {
  return std::any_of(opaque.begin(), opaque.end(),
                     [port](const net::PortRange& range) { return range.Contains(port); });
}

// The annotation weft.dev/opaque-ports; what is no port in it is passed over.
std::vector<net::PortRange> OpaquePorts(const Json& metadata) {
  std::vector<net::PortRange> out;
  std::string list = Text(At(metadata, "annotations"), "weft.dev/opaque-ports");
  for (std::size_t end = 0; !list.empty(); list.erase(0, std::min(end + 1, list.size()))) {
    end = std::min(list.find(','), list.size());
    if (const auto range = net::PortRange::Parse(list.substr(0, end))) out.push_back(*range);
  }
  return out;
}

Json PortsOf(const Json& service) {
  Json out = Json::array();
  const std::vector<net::PortRange> opaque = OpaquePorts(At(service, "metadata"));
  for (const Json& port : At(At(service, "spec"), "ports")) {
    const std::uint16_t number = Port(port, "port");
    if (!IsTcp(port) || number == 0) continue;
    Json one = {{"port", number}};
    if (const std::string name = Text(port, "name"); !name.empty()) one["name"] = name;
    if (IsOpaque(opaque, number)) {
      one["opaque"] = true;
    } else if (const std::string protocol = ProtocolOf(port); !protocol.empty()) {
      one["protocol"] = protocol;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<resource::DocumentPtr> DocumentOf(const Json& service, Json ports, const FoundPtr& before) {
  const Json& metadata = At(service, "metadata");
  Json document = {
      {"apiVersion", "weft.dev/v1"},
      {"kind", "MeshService"},
      {"metadata", {{"name", Text(metadata, "name")}, {"namespace", Text(metadata, "namespace")}}},
      {"spec", {{"ports", std::move(ports)}}}};
  if (At(metadata, "labels").is_object() && !At(metadata, "labels").empty())
    document["metadata"]["labels"] = At(metadata, "labels");
  Json addresses = Json::array();
  for (const Json& address : At(At(service, "spec"), "clusterIPs")) {
    if (address.is_string() && net::Ip::Parse(address.get<std::string>())) addresses.push_back(address);
  }
  if (!addresses.empty()) document["spec"]["addresses"] = std::move(addresses);
  const resource::Parsed parsed = resource::ParseDocuments(document.dump(), "");
  if (!parsed.ok()) {
    Error error = parsed.errors.front();
    error.where = "Service " + Text(metadata, "namespace") + "/" + Text(metadata, "name");
    return error;
  }
  const resource::DocumentPtr& made = parsed.documents.front();
  return before != nullptr && before->document->json == made->json ? before->document : made;
}

bool Said(const Json& conditions, const char* name, bool absent) {
  const Json& value = At(conditions, name);
  return value.is_boolean() ? value.get<bool>() : absent;
}

// Ports of a slice by the name of the service's port.
void SetPorts(const Json& slice, v1::Instance& out) {
  std::map<std::string, std::uint16_t> named;
  for (const Json& port : At(slice, "ports")) {
    const std::uint16_t number = Port(port, "port");
    if (!IsTcp(port) || number == 0) continue;
    const std::string name = Text(port, "name");
    name.empty() ? out.set_port(number) : void(named[name] = number);
  }
  if (out.port() == 0 && !named.empty()) out.set_port(named.begin()->second);
  for (const auto& [name, number] : named) {
    v1::PortNumber& one = *out.add_ports();
    one.set_name(name);
    one.set_port(number);
  }
}

std::string ZoneOf(const Json& endpoint, const Zones& zones) {
  if (std::string zone = Text(endpoint, "zone"); !zone.empty()) return zone;
  const auto node = zones.find(Text(endpoint, "nodeName"));
  return node == zones.end() ? std::string() : node->second;
}

void AddEndpoint(const Json& slice, const Json& endpoint, const Zones& zones,
                 std::map<std::string, v1::Instance>& by_id) {
  const Json& conditions = At(endpoint, "conditions");
  const bool ready = Said(conditions, "ready", true);
  const bool terminating = Said(conditions, "terminating", false);
  if (!ready && !(terminating && Said(conditions, "serving", false))) return;
  const Json& addresses = At(endpoint, "addresses");
  if (!addresses.is_array() || addresses.empty() || !addresses[0].is_string()) return;
  const auto ip = net::Ip::Parse(addresses[0].get<std::string>());
  if (!ip) return;
  v1::Instance out;
  const std::string uid = Text(At(endpoint, "targetRef"), "uid");
  out.set_id(uid.empty() ? ip->ToString() : uid);
  out.set_address(ip->ToString());
  SetPorts(slice, out);
  if (out.port() == 0) return;
  out.set_weight(1);
  out.set_zone(ZoneOf(endpoint, zones));
  out.set_declared(v1::DECLARED_HEALTHY);
  out.set_draining(!ready);
  by_id.emplace(out.id(), std::move(out));
}

}  // namespace

std::string ServiceOf(const Json& slice) {
  const Json& metadata = At(slice, "metadata");
  const std::string name = Text(At(metadata, "labels"), "kubernetes.io/service-name");
  return name.empty() ? name : Text(metadata, "namespace") + "/" + name;
}

Zones ZonesOf(const std::map<std::string, ObjectPtr>& nodes) {
  Zones zones;
  for (const auto& [key, node] : nodes) {
    const Json& metadata = At(*node, "metadata");
    const std::string zone = Text(At(metadata, "labels"), "topology.kubernetes.io/zone");
    if (!zone.empty()) zones[Text(metadata, "name")] = zone;
  }
  return zones;
}

Result<FoundPtr> Map(const Json& service, const std::vector<ObjectPtr>& slices, const FoundPtr& before,
                     const Zones& zones) {
  if (Text(At(service, "spec"), "type") == "ExternalName") return FoundPtr();
  Json ports = PortsOf(service);
  if (ports.empty()) return FoundPtr();
  auto document = DocumentOf(service, std::move(ports), before);
  if (!document) return document.error();
  const Json& families = At(At(service, "spec"), "ipFamilies");
  const std::string first = families.is_array() && !families.empty() && families[0].is_string()
                                ? families[0].get<std::string>()
                                : "IPv4";
  std::map<std::string, v1::Instance> by_id;
  for (const bool primary : {true, false}) {  // an instance that is there stays
    for (const ObjectPtr& slice : slices) {
      if ((Text(*slice, "addressType") == first) != primary) continue;
      for (const Json& endpoint : At(*slice, "endpoints")) AddEndpoint(*slice, endpoint, zones, by_id);
    }
  }
  auto found = std::make_shared<Found>(Found{std::move(*document), {}});
  for (auto& [id, instance] : by_id) found->instances.push_back(std::move(instance));
  return FoundPtr(std::move(found));
}

}  // namespace weft::intake::kubernetes
