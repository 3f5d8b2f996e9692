#pragma once
// Hot and cold instances by the load that they say themselves (Prequal's rule, Wydrowski et al., NSDI 2024):
// every response of a meshed instance carries its requests in flight (RIF) and recent latency, which stand
// for what Prequal asks with probes. Of the 16 instances heard from last, within one second:
//
//   hot    RIF above the Q quantile of those RIFs; Q = 0.84, or 0 (all above the least) while every RIF is
//          below 8, where a quantile says little
//   pick   the lowest latency among the cold ones; when all are hot, the lowest RIF
//
// What was picked counts one more until it is heard from again. A failure counts as a latency of 5 s, so that
// failing fast attracts nobody. What an instance said is used 1.32 times on average (Prequal's bound of reuse
// for 16 of 100, randomly rounded) and then forgotten: without that all would crowd to the few that looked
// best a moment ago. While fewer than two are known, the pick is left to peak EWMA over all, so others are
// heard from. No probes of our own. Source: resilience.md 3.3 (piggy-backed). Thread rule: one worker. No
// allocation.

#include <array>
#include <cstdint>

#include "agent/select/select.h"

namespace weft::select {

class HotCold {
 public:
  static constexpr std::size_t kMost = 16;
  static constexpr Duration kFresh = std::chrono::seconds(1);

  // An instance said its load.
  void Heard(Node& node, std::uint32_t in_flight, Duration latency, TimePoint now);
  // An attempt failed; without effect for an instance that never said its load.
  static void Failed(Node& node, TimePoint now);
  // Forgets instances that are not in the set, whose nodes may be gone.
  void Keep(const Set& set);
  // kNone: left to peak EWMA.
  std::size_t Pick(const Set& set, Excluded excluded, Rng& rng, TimePoint now, Considered& considered);

 private:
  std::array<Node*, kMost> heard_{};  // in no order; null: free
};

}  // namespace weft::select
