#pragma once
// One rate shared by the agents in front of a service's instances: who may let through how much of it.
//
// Each agent says once a second what it is asked for; the answer is its share, a lease. Shares follow
// from water-filling: the least demanding get what they want, the others the same level (doorman's
// FAIR_SHARE); what nobody wants is divided evenly, for whoever wants more next. 2 % are kept back for
// newcomers. Shares under lease never add up to more than the rate, also while they move: an agent gets more
// only when others have been told of less, so a newcomer may wait for one refresh of theirs. (A lowered rate
// is only then kept when all have been told, a second later.) Source: resilience.md 7,
// github.com/youtube/doorman.
//
// Bounds: kMostLimits limits, kMostAgents agents each; what is beyond gets nothing, and lives from its safe
// share (agent/limit/share.h). Pure: time comes in. Not thread safe.

#include <map>
#include <string>
#include <vector>

#include "common/time/time.h"

namespace weft::quota {

inline constexpr Duration kLease = std::chrono::seconds(10);
inline constexpr double kReserve = 0.02;
inline constexpr std::size_t kMostLimits = 10'000, kMostAgents = 10'000;

// What each of `wanted` gets of `cap`, in their order.
std::vector<double> WaterFill(double cap, const std::vector<double>& wanted);

struct Demand {
  double cap = 0;              // requests per second of all together, as that agent's configuration has it
  std::uint64_t revision = 0;  // of that configuration; the newest one's cap holds
  double wanted = 0;           // requests per second that the agent is asked for
};

struct Share {
  double rate = 0;           // requests per second
  std::uint32_t agents = 0;  // that have a share now; zero: none was given
};

class Book {
 public:
  explicit Book(Duration lease = kLease) : lease_(lease) {}

  // `limit` names the service port and the limit of it.
  Share Ask(const std::string& node, const std::string& limit, const Demand& demand, TimePoint now);
  std::size_t limits() const { return limits_.size(); }
  Duration lease() const { return lease_; }

 private:
  struct Lease {
    double wanted = 0, rate = 0;
    TimePoint until;
  };
  struct Limit {
    double cap = 0;
    std::uint64_t revision = 0;
    std::map<std::string, Lease> leases;  // by node
  };
  Limit* Find(const std::string& name, TimePoint now);

  const Duration lease_;
  std::map<std::string, Limit> limits_;
};

}  // namespace weft::quota
