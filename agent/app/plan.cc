#include "agent/app/plan.h"

#include <algorithm>

#include "agent/app/agent.h"
#include "agent/app/pages.h"

namespace weft::app {
namespace {

forward::Listener InboundListener(const settings::Inbound& inbound, const settings::Node& node,
                                  std::size_t index) {
  forward::Listener out;
  out.name = "inbound-" + std::to_string(index);
  out.direction = engine::Direction::kInbound;
  out.listen = inbound.listen;
  out.transparent = inbound.transparent;
  out.opaque_ports = inbound.opaque_ports;
  out.port = inbound.port;
  out.accept_proxy = inbound.accept_proxy;
  out.send_proxy = inbound.send_proxy;
  if (inbound.forward) out.application = *inbound.forward;
  if (inbound.service)
    out.service = inbound.service;
  else if (!node.service.empty())
    out.service = ServiceKey{node.cluster, node.ns, node.service};
  return out;
}

std::vector<std::string_view> Labels(std::string_view host) {
  std::vector<std::string_view> out;
  while (!host.empty()) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    out.push_back(host.substr(0, dot));
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  return out;
}

}  // namespace

std::vector<forward::Listener> ListenersOf(const settings::Settings& settings) {
  std::vector<forward::Listener> out;
  if (settings.outbound.listen) {
    forward::Listener outbound;
    outbound.name = "outbound";
    outbound.listen = *settings.outbound.listen;
    outbound.transparent = settings.outbound.transparent;
    outbound.opaque_ports = settings.outbound.opaque_ports;
    out.push_back(outbound);
  }
  for (const settings::LocalService& local : settings.outbound.services) {
    forward::Listener listener;
    listener.name = "service-" + local.service.ToString();
    listener.listen = local.listen;
    listener.service = local.service;
    listener.port = local.port;
    listener.accept_proxy = local.accept_proxy;
    out.push_back(listener);
  }
  for (std::size_t i = 0; i < settings.inbound.size(); ++i) {
    out.push_back(InboundListener(settings.inbound[i], settings.node, i));
  }
  return out;
}

config::GrpcLinkOptions LinkOptionsOf(const settings::Settings& settings, std::uint64_t seed) {
  const settings::Node& node = settings.node;
  config::GrpcLinkOptions options;
  options.node_id = node.id;
  options.cluster = node.cluster;
  options.ns = node.ns;
  options.service = node.service;
  options.zone = node.zone;
  options.labels = node.labels;
  options.program_version = kVersion;
  options.seed = seed;
  return options;
}

uplink::Options UplinkOptionsOf(const settings::Settings& settings, std::uint64_t seed) {
  uplink::Options options;
  options.node_id = settings.node.id;
  options.ns = settings.node.ns;
  options.service = settings.node.service;
  options.seed = seed;
  options.wall_minus_monotonic = WallMinusMonotonic();
  return options;
}

log::Level LevelOf(settings::LogLevel level) {
  switch (level) {
    case settings::LogLevel::kTrace:
    case settings::LogLevel::kDebug: return log::Level::kDebug;
    case settings::LogLevel::kInfo: return log::Level::kInfo;
    case settings::LogLevel::kWarn: return log::Level::kWarn;
    case settings::LogLevel::kError: return log::Level::kError;
  }
  return log::Level::kInfo;
}

connection::ServerLimits LimitsOf(const settings::Limits& limits) {
  connection::ServerLimits out;
  out.head.head_bytes = limits.header_bytes;
  out.head.target_bytes = std::min<std::size_t>(out.head.target_bytes, limits.header_bytes);
  out.head.fields = std::min<std::size_t>(limits.headers, message::kMaxFields - 32);
  out.request_head = limits.request_head;
  out.idle = limits.client_idle;
  return out;
}

std::vector<ServiceKey> InitialServices(const settings::Settings& settings) {
  std::vector<ServiceKey> out;
  const auto add = [&](const ServiceKey& key) {
    if (std::find(out.begin(), out.end(), key) == out.end()) out.push_back(key);
  };
  const settings::Node& node = settings.node;
  if (!node.service.empty()) add({node.cluster, node.ns, node.service});
  for (const settings::Inbound& inbound : settings.inbound) {
    if (inbound.service) add(*inbound.service);
  }
  for (const settings::LocalService& local : settings.outbound.services) add(local.service);
  return out;
}

std::vector<ServiceKey> KeysOf(std::string_view authority, const settings::Node& node) {
  const std::string_view host = authority.substr(0, authority.find(':'));
  std::vector<std::string_view> labels = Labels(host);
  constexpr std::string_view kTail[] = {"svc", "cluster", "local"};
  if (labels.empty() || labels.size() > 5) return {};
  for (std::size_t i = 2; i < labels.size(); ++i) {
    if (labels[i] != kTail[i - 2]) return {};
  }
  std::string name(labels[0]), ns(labels.size() > 1 ? labels[1] : std::string_view(node.ns));
  for (std::string* text : {&name, &ns}) {
    for (char& c : *text) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    }
    if (!IsDnsLabel(*text)) return {};
  }
  return {ServiceKey{node.cluster, ns, name}};
}

}  // namespace weft::app
