#include <set>

#include "common/resource/choices.h"
#include "common/resource/schema.h"

namespace weft::resource {
namespace {

using policy::Protocol;

constexpr Bounds<std::int64_t> kPort = {1, 65535};

// Opaque ports are ports of TCP; what is not declared follows the number.
void ReadOpaque(MapReader& map, const Value& value, policy::ServicePort& port) {
  bool opaque = port.protocol == Protocol::kDetect && policy::IsOpaqueByDefault(port.port);
  map.Optional("opaque", opaque);
  if (!opaque) return;
  if (port.protocol != Protocol::kDetect && port.protocol != Protocol::kTcp) {
    value.FailAt("opaque", "the port declares another protocol than TCP: remove one of the two");
  }
  port.protocol = Protocol::kTcp;
}

policy::ServicePort ReadPort(const Value& value) {
  policy::ServicePort port;
  value.Map([&](MapReader& map) {
    if (const std::optional<Value> name = map.Find("name")) ReadDnsLabel(*name, port.name, "name of a port");
    map.Required("port", port.port, kPort);
    map.Optional("protocol", port.protocol, kProtocols);
    ReadOpaque(map, value, port);
    map.Optional("proxyProtocol", port.proxy_protocol, kProxyProtocols);
    const bool http = port.protocol == Protocol::kHttp || port.protocol == Protocol::kHttp2 ||
                      port.protocol == Protocol::kGrpc;
    if (port.proxy_protocol != 0 && http) {
      value.FailAt("proxyProtocol",
                   "requests of many clients share a connection: declare the port TCP or TLS, or read "
                   "x-forwarded-for");
    }
  });
  return port;
}

void CheckPorts(const Value& list, const std::vector<policy::ServicePort>& ports) {
  std::set<std::string> names;
  std::set<std::uint16_t> numbers;
  for (const policy::ServicePort& port : ports) {
    if (ports.size() > 1 && port.name.empty()) list.Fail("with several ports each needs a name");
    if (!names.insert(port.name).second) list.Fail("two ports are called \"" + port.name + "\"");
    if (port.port != 0 && !numbers.insert(port.port).second) {
      list.Fail("port " + std::to_string(port.port) + " stands twice");
    }
  }
}

InstanceSpec ReadInstance(const Value& value, const std::vector<policy::ServicePort>& ports) {
  InstanceSpec instance;
  value.Map([&](MapReader& map) {
    if (map.Required("id", instance.id) && (instance.id.empty() || instance.id.size() > 253)) {
      value.FailAt("id", "an id has 1 to 253 characters");
    }
    map.Required("address", instance.address);
    map.Optional("port", instance.port, kPort);
    if (const std::optional<Value> by_name = map.Find("ports")) {
      by_name->EachMember([&](const std::string& name, const Value& number) {
        Read(number, instance.ports[name], kPort);
        const bool known =
            std::any_of(ports.begin(), ports.end(), [&](const auto& port) { return port.name == name; });
        if (!known) number.Fail("the service has no port called \"" + name + "\": name one of spec.ports");
      });
    }
    map.Optional("weight", instance.weight, Bounds<std::int64_t>{0, 1'000'000});
    if (map.Optional("zone", instance.zone) && instance.zone.size() > 253) {
      value.FailAt("zone", "at most 253 characters");
    }
    map.Optional("labels", instance.labels);
    map.Map("capabilities", [&](MapReader& capabilities) {
      capabilities.Optional("meshed", instance.meshed);
      capabilities.Optional("http2", instance.http2);
      capabilities.Optional("mtls", instance.mtls);
    });
  });
  return instance;
}

}  // namespace

MeshServiceSpec ReadMeshService(const Value& spec) {
  MeshServiceSpec out;
  spec.Map([&](MapReader& map) {
    const std::optional<Value> ports = map.Need("ports");
    if (ports) {
      map.List("ports", 64, [&](const Value& item) { out.ports.push_back(ReadPort(item)); });
      if (ports->node().is_list() && ports->node().items.empty())
        ports->Fail("a service needs at least one port");
      CheckPorts(*ports, out.ports);
    }
    map.List("addresses", 16, [&](const Value& item) {
      std::string& address = out.addresses.emplace_back();
      if (Read(item, address) && !net::Ip::Parse(address)) item.Fail("\"" + address + "\" is no IP address");
    });
    std::set<std::string> ids;
    map.List("instances", 10'000, [&](const Value& item) {
      out.instances.push_back(ReadInstance(item, out.ports));
      const std::string& id = out.instances.back().id;
      if (!id.empty() && !ids.insert(id).second)
        item.FailAt("id", "another instance has the id \"" + id + "\"");
    });
  });
  return out;
}

}  // namespace weft::resource
