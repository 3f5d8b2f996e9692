#pragma once
// Consistent hashing with bounded load: the same key goes to the same instance from every agent, as long as
// that one is available and not overrun.
//
//   kMaglev    a table of 65,537 slots that the instances fill in turns, each by a permutation of its own, as
//              often as its weight asks (Eisenbud et al., NSDI 2016; weights as Envoy). 131 KB; 1 to 2 ms to
//              build, when instances or weights change; one load to ask.
//   kRingHash  a ring of 1,024 to 4,096 points, by weight (ketama; bounds as gRPC A42). Fewest moved keys.
//
// Bounded load: an instance takes a key while its requests in flight stay within
//   max(1, ceil(load_factor * its share of the weight * requests in flight, this one included))
// (Mirrokni et al., arXiv 1608.01350; default 1.25 as HAProxy's hash-balance-factor). A key whose instance is
// full, ejected or tried before walks a pseudo-random way of its own, at most kWalk steps, so that one full
// instance does not topple the next; then the least loaded one seen takes it. An instance that is not
// available keeps its slots: only its own keys move, and they come back with it. `in_flight` is of this
// worker. Source: resilience.md 3.5. Thread rule: one worker; Pick does not allocate.

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/select/select.h"

namespace weft::select {

class HashTable {
 public:
  static constexpr std::size_t kSlots = 65537;  // prime
  static constexpr int kWalk = 8;

  // All instances in use, available or not; at most 65,535. Builds only when something changed. The nodes
  // must live until the next Assign.
  void Assign(policy::Balancer kind, std::vector<const Node*> nodes);
  void Clear();
  bool empty() const { return nodes_.empty(); }
  // Whose slot a key is in; null: empty.
  const Node* Home(std::uint64_t key) const;
  // Index into the set of those available; kNone: it is empty.
  std::size_t Pick(const Set& set, std::uint64_t key, double load_factor, std::uint32_t in_flight,
                   Excluded excluded, Considered& considered) const;

 private:
  void BuildMaglev();
  void BuildRing();

  policy::Balancer kind_ = policy::Balancer::kMaglev;
  std::vector<const Node*> nodes_;                            // by hash
  std::vector<std::pair<std::uint64_t, std::int64_t>> made_;  // hash and weight that the table was built of
  std::vector<std::uint16_t> slots_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> ring_;  // point, index
  std::vector<std::uint32_t>
      starts_;  // of the ring: the first point whose upper bits are these, or come later
};

}  // namespace weft::select
