#pragma once
// Picks one of the available instances of a service port.
//
//   kRoundRobin    smooth weighted round robin (nginx) up to 64 instances; above, two random choices by
//   weight and
//                  requests in flight
//   kRandom        by weight
//   kLeastRequest  two distinct random choices, fewer requests in flight per weight
//   kPeakEwma      two distinct random choices, lower cost * (in flight + 1) per weight; also for policies
//   that need
//                  what is not there yet (hotCold, ringHash, maglev, best)
//
// Ties go to the first choice, which is random. Excluded instances (tried before) are left out while others
// remain. Source: resilience.md 3.1, 3.2. Thread rule: one worker. No allocation.

#include <cstdint>
#include <span>
#include <vector>

#include "agent/select/node.h"
#include "common/policy/policy.h"
#include "common/random/random.h"

namespace weft::select {

class Set {
 public:
  void Assign(std::vector<Node*> nodes);  // weight zero is never picked: leave it out
  std::size_t size() const { return nodes_.size(); }
  Node& operator[](std::size_t i) const { return *nodes_[i]; }
  bool equal_weights() const { return equal_; }

 private:
  std::vector<Node*> nodes_;
  bool equal_ = true;
};

inline constexpr std::size_t kNone = ~std::size_t{0};

// What was compared, for the record: indices into the set and their scores, lower is better.
struct Considered {
  std::size_t first = kNone, second = kNone;
  double first_score = 0, second_score = 0;
};

// Index into the set, or kNone when it is empty.
std::size_t Pick(policy::Balancer balancer, const Set& set, std::span<const Node* const> excluded, Rng& rng,
                 TimePoint now, Considered& considered);

}  // namespace weft::select
