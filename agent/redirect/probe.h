#pragma once
// Whether what leaves this namespace really comes to the agent: a connection to an address that nobody has
// (TEST-NET, RFC 5737; the documentation prefix, RFC 3849) must be accepted at the agent's port. Listens
// there itself unless the agent does. Thread rule: blocks for at most a second per address family.

#include <optional>
#include <string>
#include <vector>

#include "agent/redirect/rules.h"

namespace weft::redirect {

struct Probed {
  std::vector<std::string> passed;    // "IPv4: 192.0.2.1:9 comes to port 15001"
  std::vector<std::string> problems;  // one sentence each
};
Probed ProbeOutbound(const Options& options);

// An address and port that the rules redirect; none when the options skip everything.
std::optional<net::Address> ProbeTarget(const Options& options, bool v6);

}  // namespace weft::redirect
