#include "agent/redirect/rules.h"

#include <algorithm>

namespace weft::redirect {
namespace {

constexpr std::uint16_t kDns = 53;
constexpr std::string_view kHeadTail = " priority -100; policy accept;";

// The base with its host bits cleared, as the kernel keeps it.
net::Cidr Masked(net::Cidr subnet) {
  const std::size_t size = subnet.base.v6 ? 16 : 4;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t before = i * 8;
    const std::size_t kept = subnet.bits <= before ? 0 : std::min<std::size_t>(8, subnet.bits - before);
    subnet.base.bytes[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
  }
  return subnet;
}

std::string ToSubnet(const net::Cidr& subnet) {
  const net::Cidr masked = Masked(subnet);
  const bool host = masked.bits == (masked.base.v6 ? 128 : 32);
  const std::string what = host ? masked.base.ToString() : masked.ToString();
  return std::string(masked.base.v6 ? "ip6" : "ip") + " daddr " + what + " return";
}

std::string ToPorts(const PortRange& ports) { return "tcp dport " + ports.ToString(); }

Chain OutputChain(const Options& options) {
  Chain out{"output", "type nat hook output" + std::string(kHeadTail), {}};
  out.rules.push_back("meta skuid " + std::to_string(options.uid) + " return");
  out.rules.push_back("oifname \"lo\" return");
  out.rules.push_back(ToPorts({kDns, kDns}) + " return");
  for (const PortRange& ports : options.skip_outbound) out.rules.push_back(ToPorts(ports) + " return");
  for (const net::Cidr& subnet : options.skip_subnets) {
    // nft has no expression for "every address of this family".
    out.rules.push_back(subnet.bits > 0  ? ToSubnet(subnet)
                        : subnet.base.v6 ? "meta nfproto 10 return"
                                         : "meta nfproto 2 return");
  }
  out.rules.push_back("meta l4proto 6 redirect to :" + std::to_string(options.outbound));
  return out;
}

Chain PreroutingChain(const Options& options) {
  const std::string to_agent = " redirect to :" + std::to_string(options.inbound);
  Chain out{"prerouting", "type nat hook prerouting" + std::string(kHeadTail), {}};
  out.rules.push_back("iifname \"lo\" return");
  out.rules.push_back(ToPorts({options.telemetry, options.telemetry}) + " return");
  for (const PortRange& ports : options.skip_inbound) out.rules.push_back(ToPorts(ports) + " return");
  for (const PortRange& ports : options.inbound_ports) out.rules.push_back(ToPorts(ports) + to_agent);
  if (options.inbound_ports.empty()) out.rules.push_back("meta l4proto 6" + to_agent);
  return out;
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && (line.front() == '\t' || line.front() == ' ')) line.remove_prefix(1);
    while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
    if (!line.empty()) out.push_back(line);
  }
  return out;
}

// "chain output {", its head, its rules, "}".
std::vector<Chain> ReadListing(std::string_view listed) {
  std::vector<Chain> out;
  bool inside = false;
  for (const std::string_view line : Lines(listed)) {
    if (line.starts_with("chain ") && line.ends_with(" {")) {
      out.push_back({std::string(line.substr(6, line.size() - 8)), {}, {}});
      inside = true;
    } else if (line == "}") {
      inside = false;
    } else if (inside && line.starts_with("type ")) {
      out.back().head = line;
    } else if (inside) {
      out.back().rules.emplace_back(line);
    }
  }
  return out;
}

void CompareChain(const Chain& wanted, const Chain& found, std::vector<std::string>& out) {
  const std::string where = "chain " + wanted.name;
  if (found.head != wanted.head) out.push_back(where + " is '" + found.head + "', not '" + wanted.head + "'");
  for (std::size_t i = 0; i < std::max(wanted.rules.size(), found.rules.size()); ++i) {
    const std::string rule = where + ": rule " + std::to_string(i + 1);
    if (i >= found.rules.size()) {
      out.push_back(rule + " '" + wanted.rules[i] + "' is missing");
    } else if (i >= wanted.rules.size()) {
      out.push_back(rule + " '" + found.rules[i] + "' is none of ours");
    } else if (found.rules[i] != wanted.rules[i]) {
      out.push_back(rule + " is '" + found.rules[i] + "', not '" + wanted.rules[i] + "'");
    }
  }
}

std::string Table() { return "table inet " + std::string(kTable); }

}  // namespace

std::vector<Chain> ChainsOf(const Options& options) {
  return {OutputChain(options), PreroutingChain(options)};
}

std::string ApplyScript(const Options& options) {
  std::string out = RemoveScript() + Table() + " {\n";
  for (const Chain& chain : ChainsOf(options)) {
    out += "  chain " + chain.name + " {\n    " + chain.head + "\n";
    for (const std::string& rule : chain.rules) out += "    " + rule + "\n";
    out += "  }\n";
  }
  return out + "}\n";
}

std::string RemoveScript() { return "add " + Table() + "\ndelete " + Table() + "\n"; }

std::vector<std::string> Differences(const Options& options, std::string_view listed) {
  const std::vector<Chain> found = ReadListing(listed);
  std::vector<std::string> out;
  const std::vector<Chain> chains = ChainsOf(options);
  for (const Chain& wanted : chains) {
    const auto same = std::find_if(found.begin(), found.end(),
                                   [&](const Chain& chain) { return chain.name == wanted.name; });
    if (same == found.end())
      out.push_back("chain " + wanted.name + " is missing");
    else
      CompareChain(wanted, *same, out);
  }
  for (const Chain& chain : found) {
    const bool known = std::any_of(chains.begin(), chains.end(),
                                   [&](const Chain& wanted) { return wanted.name == chain.name; });
    if (!known) out.push_back("chain " + chain.name + " is none of ours");
  }
  return out;
}

}  // namespace weft::redirect
