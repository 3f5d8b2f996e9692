#pragma once
// Rules of selection that Weft is compared with. Local ones see only their own client's requests. Sources:
// resilience literature named at each; the weighted and probing ones of the hot-cold comparison are in
// probing.h. Thread rule: one thread.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/simulate/decider.h"
#include "agent/simulate/draws.h"

namespace weft::sim {

class Balancer {
 public:
  virtual ~Balancer() = default;
  // One of `from`, which is not empty.
  virtual std::uint32_t Pick(std::span<const std::uint32_t> from, const simulate::Flight& flight,
                             TimePoint now) = 0;
  virtual void Sent(const simulate::Flight&, std::uint32_t /*server*/, TimePoint) {}
  virtual void Ended(const simulate::Flight&, bool /*good*/, TimePoint) {}
};

enum class Rule : std::uint8_t {
  kRandom,
  kRoundRobin,   // a random start
  kLeastLoaded,  // fewest of the own requests, of all; a tie by chance
  kTwoChoices,   // fewer of the own requests, of two (Envoy's LEAST_REQUEST)
  kPeakEwma,     // Finagle's and Linkerd's: peak-sensitive average times requests, of two; tau 10 s
};
std::unique_ptr<Balancer> MakeBalancer(Rule rule, std::uint32_t servers, std::uint64_t seed,
                                       std::uint32_t client);

}  // namespace weft::sim
