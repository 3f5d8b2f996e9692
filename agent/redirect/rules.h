#pragma once
// Which of a network namespace's TCP connections go to the agent, as nftables rules in one table of our own:
// what the agent's own user opens, what goes to loopback, listed ports and subnets pass; the rest is
// redirected, IPv4 and IPv6 alike. DNS (port 53) and everything that is not TCP is never touched. Thread
// rule: pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/net/port_range.h"
#include "common/result/result.h"

namespace weft::redirect {

using net::PortRange;

struct Options {
  std::uint32_t uid = 15001;  // the agent's own, whose connections pass
  std::uint16_t outbound = 15001, inbound = 15006;
  std::uint16_t telemetry = 15020;       // of the agent: never redirected
  std::vector<PortRange> inbound_ports;  // only these are redirected; empty: all
  std::vector<PortRange> skip_inbound, skip_outbound;
  std::vector<net::Cidr> skip_subnets;  // destinations of outgoing connections
};

inline constexpr std::size_t kMostRules = 256;  // of one list; more is refused
inline constexpr std::string_view kTable = "weft";

struct Chain {
  std::string name;                // "output", "prerouting"
  std::string head;                // "type nat hook output priority -100; policy accept;"
  std::vector<std::string> rules;  // as nft lists them with -nn
};
std::vector<Chain> ChainsOf(const Options& options);

// For `nft -f -`. Either makes what is there afterwards, whatever was there before.
std::string ApplyScript(const Options& options);
std::string RemoveScript();

// What `nft -nn list table inet weft` printed, against the options: one sentence for each difference. None:
// they are the same.
std::vector<std::string> Differences(const Options& options, std::string_view listed);

}  // namespace weft::redirect
