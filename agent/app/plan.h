#pragma once
// Settings to what the parts of the agent are given. Pure.

#include <string_view>
#include <vector>

#include "agent/config/grpc_link.h"
#include "agent/config/manager.h"
#include "agent/forward/forwarder.h"
#include "agent/settings/settings.h"
#include "agent/uplink/uplink.h"
#include "common/log/log.h"

namespace weft::app {

std::vector<forward::Listener> ListenersOf(const settings::Settings& settings);
// `seed` is that of the reconnects.
config::GrpcLinkOptions LinkOptionsOf(const settings::Settings& settings, std::uint64_t seed);
uplink::Options UplinkOptionsOf(const settings::Settings& settings, std::uint64_t seed);
log::Level LevelOf(settings::LogLevel level);
connection::ServerLimits LimitsOf(const settings::Limits& limits);
// Services to subscribe to from the start: the node's own, those behind inbound listeners and local ports.
std::vector<ServiceKey> InitialServices(const settings::Settings& settings);
// The services that a host may mean ("cart", "cart.shop", "cart.shop.svc.cluster.local", with or without a
// port), the likeliest first. Empty: no service can have this name.
std::vector<ServiceKey> KeysOf(std::string_view authority, const settings::Node& node);

}  // namespace weft::app
