#pragma once
// Picks one of the available instances of a service port.
//
//   kRoundRobin    smooth weighted round robin (nginx) up to 64 instances; above, two random choices by
//                  weight and requests in flight
//   kRandom        by weight
//   kLeastRequest  two distinct random choices, fewer requests in flight per weight
//   kPeakEwma      two distinct random choices, lower cost * (in flight + 1) per weight
//   kBest          two distinct random choices, lower (1 + cost in ms / 100) * (1 + failures in a row) per
//                  weight: the seed's best instance, but sampled, because everybody's best one is overrun
//   kHotCold       hot_cold.h; kRingHash, kMaglev: hash_table.h; where those have nothing to say, kPeakEwma
//
// Ties go to the first choice, which is random. Excluded instances (tried before) are left out while others
// remain. Source: resilience.md 3.1, 3.2, 3.8. Thread rule: one worker. No allocation.

#include <cstdint>
#include <span>
#include <vector>

#include "agent/select/node.h"
#include "common/policy/policy.h"
#include "common/random/random.h"

namespace weft::select {

inline constexpr std::size_t kNone = ~std::size_t{0};
using Excluded = std::span<const Node* const>;

// Four times its weight; a degraded instance's counts once.
inline std::int64_t WeightOf(const Node& node) {
  return static_cast<std::int64_t>(node.weight) * (node.degraded ? 1 : 4);
}
bool IsIn(Excluded excluded, const Node& node);

class Set {
 public:
  // `offset`: Node::place of the first, when these are a part of all that may be picked. Weight zero is
  // never picked: leave it out.
  void Assign(std::vector<Node*> nodes, std::uint32_t offset = 0);
  std::size_t size() const { return nodes_.size(); }
  Node& operator[](std::size_t i) const { return *nodes_[i]; }
  bool equal_weights() const { return equal_; }
  std::int64_t weight() const { return weight_; }  // of all
  // Index of a node by its place; kNone: it is not in this set.
  std::size_t IndexOf(const Node& node) const;

 private:
  std::vector<Node*> nodes_;
  std::uint32_t offset_ = 0;
  std::int64_t weight_ = 0;
  bool equal_ = true;
};

// What was compared, for the record: indices into the set and their scores, lower is better.
struct Considered {
  std::size_t first = kNone, second = kNone;
  double first_score = 0, second_score = 0;
};

// Index into the set, or kNone when it is empty.
std::size_t Pick(policy::Balancer balancer, const Set& set, Excluded excluded, Rng& rng, TimePoint now,
                 Considered& considered);

// Slow start: whether an instance that joined or came back `window` ago or less keeps a pick that fell on
// it: with probability max(0.1, age / window) (Envoy's aggression 1). Draws only for such an instance.
bool IsWarm(const Node& node, Duration window, Rng& rng, TimePoint now);

}  // namespace weft::select
