#pragma once
// What most scenarios are made of: a service, its servers, and clients of a variant.

#include <functional>
#include <memory>
#include <string>

#include "agent/simulate/agent.h"
#include "agent/simulate/world.h"
#include "tests/sim/baseline/baseline.h"
#include "tests/sim/sim.h"

namespace weft::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Names of variants that several scenarios have. Whatever begins with "weft" runs the decision core.
inline constexpr const char* kEnvoy =
    "envoy defaults";  // round robin, outlier detection 10 s and 10 %, no retries
inline constexpr const char* kEnvoyRetry = "envoy + retries";  // the same with one retry elsewhere
inline constexpr const char* kLinkerd = "linkerd defaults";    // peak EWMA; no failure accrual, no retries
inline constexpr const char* kLinkerdAccrual = "linkerd + accrual";  // consecutive failures 7, 1 s to 60 s

struct Shop {
  simulate::WorldSettings world;
  std::uint32_t servers = 10, clients = 1;
  simulate::Model model;
  policy::ServicePolicy policy;    // of Weft
  std::vector<std::string> zones;  // of its instances
  std::string client_zone, key_header;
  // Of what is compared; by the name of the variant.
  std::function<Parts(const std::string& variant, std::uint32_t client, simulate::World& world)> parts;
};

// The world with its servers and clients.
std::unique_ptr<simulate::World> Open(const Shop& shop, const Setup& setup);

// The named variants of above, with the shop's time-outs.
Parts DefaultsOf(const std::string& variant, const Shop& shop, std::uint64_t seed, std::uint32_t client);

bool IsWeft(const std::string& variant);

// Good requests in percent of those that began in [from, to).
double SuccessPercent(simulate::World& world, Duration from, Duration to);
// The same per second, from the beginning.
std::vector<double> SuccessPerSecond(simulate::World& world, int seconds);
// When the first change of `who` to `to` at or after `from` was, in seconds after it; -1: never.
double FirstChange(simulate::World& world, Duration from, const std::string& who, const std::string& to);
std::uint64_t CountChanges(simulate::World& world, Duration from, const std::string& to);
// In milliseconds.
double Percentile(simulate::World& world, double percent);

}  // namespace weft::sim
