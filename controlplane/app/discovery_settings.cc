#include "controlplane/app/discovery_settings.h"

#include "controlplane/api/text.h"

namespace weft::control {
namespace {

using resource::Between;
using resource::MapReader;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

void ReadHostPort(MapReader& map, std::string_view key, net::HostPort& out) {
  const auto value = map.Find(key);
  std::string text;
  if (!value || !Read(*value, text)) return;
  const auto parsed = net::HostPort::Parse(text);
  if (parsed && parsed->port != 0) {
    out = *parsed;
  } else {
    value->Fail("'" + text + "' is no HOST:PORT");
  }
}

void ReadProtocol(MapReader& map, v1::Protocol& out) {
  const auto value = map.Find("protocol");
  std::string text;
  if (!value || !Read(*value, text)) return;
  const auto protocol = api::ParseProtocol(text);
  protocol ? void(out = *protocol) : void(value->Fail(protocol.error().detail));
}

void ReadNamespace(MapReader& map, std::string& out) {
  if (const auto value = map.Find("namespace")) ReadDnsLabel(*value, out, "namespace");
}

// {ca, cert, key, serverName}; absent: no TLS. Null: absent, or a problem.
http::tls::ContextPtr ReadTls(MapReader& map, http::tls::Files& files, std::string& server_name) {
  const auto value = map.Find("tls");
  if (!value) return nullptr;
  value->Map([&](MapReader& tls) {
    tls.Optional("ca", files.ca);
    tls.Optional("cert", files.cert);
    tls.Optional("key", files.key);
    tls.Optional("serverName", server_name);
  });
  auto context = http::tls::MakeClientContext(files);
  if (context) return std::move(*context);
  value->Fail(context.error().Text());
  return nullptr;
}

void ReadConsul(const resource::Value& value, intake::consul::Options& out) {
  value.Map([&](MapReader& map) {
    ReadHostPort(map, "address", out.address);
    http::tls::Files files;
    out.tls = ReadTls(map, files, out.server_name);
    map.Optional("tokenFile", out.token_file);
    map.Optional("datacenter", out.datacenter);
    map.Optional("tag", out.tag);
    ReadNamespace(map, out.defaults.ns);
    map.Optional("port", out.defaults.port, Between<std::int64_t>(1, 65535));
    ReadProtocol(map, out.defaults.protocol);
    map.Optional("wait", out.wait, Between<Duration>(seconds(1), std::chrono::minutes(10)));
    map.Optional("mostServices", out.most_services, Between<std::int64_t>(1, 5000));
  });
}

void ReadEndpoints(MapReader& map, std::vector<std::string>& out) {
  const auto value = map.Find("endpoints");
  if (!value) return;
  out.clear();
  map.List("endpoints", 16, [&out](const resource::Value& item) {
    std::string text;
    if (!Read(item, text)) return;
    const auto parsed = net::HostPort::Parse(text);
    if (!parsed || parsed->port == 0) item.Fail("'" + text + "' is no HOST:PORT");
    out.push_back(text);
  });
  if (out.empty()) value->Fail("needs at least one HOST:PORT");
}

void ReadEtcd(const resource::Value& value, intake::etcd::Options& out) {
  value.Map([&](MapReader& map) {
    ReadEndpoints(map, out.endpoints);
    http::tls::Files files;
    std::string server_name;
    if (ReadTls(map, files, server_name) != nullptr)
      out.tls = intake::etcd::Tls{files.ca, files.cert, files.key, server_name};
    if (map.Optional("prefix", out.prefix) && (out.prefix.empty() || out.prefix.back() != '/'))
      map.Find("prefix")->Fail("ends with '/', as /weft/");
  });
}

// {name, namespace, port, protocol, srv | host + targetPort}.
void ReadName(const resource::Value& value, std::vector<intake::dns::Name>& out) {
  intake::dns::Name name;
  std::string service, ns = "default";
  std::uint32_t port = 80;
  v1::Protocol protocol = v1::PROTOCOL_DETECT;
  value.Map([&](MapReader& map) {
    if (const auto said = map.Need("name")) ReadDnsLabel(*said, service, "name of a service");
    ReadNamespace(map, ns);
    map.Optional("port", port, Between<std::int64_t>(1, 65535));
    ReadProtocol(map, protocol);
    name.srv = map.Optional("srv", name.host);
    const bool host = map.Has("host");
    if (name.srv == host) value.Fail("has either srv, or host with targetPort");
    if (host) map.Optional("host", name.host);
    if (host) map.Required("targetPort", name.port, Between<std::int64_t>(1, 65535));
    if (!host && map.Has("targetPort")) value.FailAt("targetPort", "goes with host; SRV records have ports");
  });
  name.service.set_namespace_(ns);
  name.service.set_name(service);
  name.service.add_ports()->set_port(port);
  name.service.mutable_ports(0)->set_protocol(protocol);
  for (const intake::dns::Name& other : out) {
    if (other.service.namespace_() == ns && other.service.name() == service)
      value.FailAt("name", std::string(ns).append("/").append(service).append(" stands twice"));
  }
  out.push_back(std::move(name));
}

void ReadServers(MapReader& map, std::vector<net::Address>& out) {
  map.List("servers", 16, [&out](const resource::Value& item) {
    net::Address address;
    if (!Read(item, address)) return;
    if (address.port == 0) item.Fail("needs a port");
    out.push_back(address);
  });
}

void ReadDns(const resource::Value& value, intake::dns::Options& out) {
  value.Map([&](MapReader& map) {
    ReadServers(map, out.resolver.servers);
    map.Optional("minTtl", out.min_ttl, Between<Duration>(milliseconds(100), hours(1)));
    map.Optional("maxTtl", out.max_ttl, Between<Duration>(milliseconds(100), hours(24)));
    if (out.max_ttl < out.min_ttl) value.FailAt("maxTtl", "is below minTtl");
    map.List("services", 1000, [&](const resource::Value& item) { ReadName(item, out.names); });
    if (out.names.empty()) value.Fail("needs services: a list of {name, srv} or {name, host, targetPort}");
  });
}

}  // namespace

void ReadDiscovery(const resource::Value& value, DiscoverySettings& out) {
  value.Map([&](MapReader& map) {
    map.Optional("linger", out.linger, Between<Duration>(Duration::zero(), hours(24)));
    map.Optional("doubt", out.doubt, Between<Duration>(Duration::zero(), hours(1)));
    if (const auto consul = map.Find("consul")) ReadConsul(*consul, out.consul.emplace());
    if (const auto etcd = map.Find("etcd")) ReadEtcd(*etcd, out.etcd.emplace());
    if (const auto dns = map.Find("dns")) ReadDns(*dns, out.dns.emplace());
    if (const auto kubernetes = map.Find("kubernetes")) {
      out.kubernetes.emplace();
      kubernetes->Map([&](MapReader& inner) { inner.Optional("kubeconfig", out.kubernetes->kubeconfig); });
    }
  });
}

}  // namespace weft::control
