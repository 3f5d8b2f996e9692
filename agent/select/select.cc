#include "agent/select/select.h"

#include <algorithm>

namespace weft::select {

bool IsIn(Excluded excluded, const Node& node) {
  return std::find(excluded.begin(), excluded.end(), &node) != excluded.end();
}

namespace {

constexpr std::size_t kMostForRoundRobin = 64;
constexpr int kTries = 4;
constexpr double kColdest = 0.1;  // share of an instance that has just joined

bool AllExcluded(const Set& set, Excluded excluded) {
  if (excluded.size() < set.size()) return false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (!IsIn(excluded, set[i])) return false;
  }
  return true;
}

std::size_t RoundRobin(const Set& set, Excluded excluded) {
  std::int64_t sum = 0;
  std::size_t best = kNone;
  for (std::size_t i = 0; i < set.size(); ++i) {
    Node& node = set[i];
    if (IsIn(excluded, node)) continue;
    node.current += WeightOf(node);
    sum += WeightOf(node);
    if (best == kNone || node.current > set[best].current) best = i;
  }
  set[best].current -= sum;
  return best;
}

std::size_t WeightedRandom(const Set& set, Excluded excluded, Rng& rng) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < set.size(); ++i) sum += IsIn(excluded, set[i]) ? 0 : WeightOf(set[i]);
  auto left = static_cast<std::int64_t>(rng.Below(Purpose::kSelect, static_cast<std::uint64_t>(sum)));
  std::size_t last = kNone;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (IsIn(excluded, set[i])) continue;
    last = i;
    left -= WeightOf(set[i]);
    if (left < 0) break;
  }
  return last;
}

// A uniform choice among those not excluded and not `other`; kNone when there is none.
std::size_t Uniform(const Set& set, Excluded excluded, std::size_t other, Rng& rng) {
  const std::size_t n = set.size() - (other == kNone ? 0 : 1);
  if (n == 0) return kNone;
  std::size_t at = 0;
  for (int i = 0; i < kTries; ++i) {
    at = rng.Below(Purpose::kSelect, n);
    if (other != kNone && at >= other) ++at;
    if (excluded.empty() || !IsIn(excluded, set[at])) return at;
  }
  for (std::size_t step = 0; step < set.size(); ++step) {
    const std::size_t i = (at + step) % set.size();
    if (i != other && !IsIn(excluded, set[i])) return i;
  }
  return kNone;
}

template <class Score>
std::size_t BetterOfTwo(const Set& set, Excluded excluded, Rng& rng, Considered& considered, Score score) {
  considered.first = Uniform(set, excluded, kNone, rng);
  considered.first_score = score(set[considered.first]);
  considered.second = Uniform(set, excluded, considered.first, rng);
  if (considered.second == kNone) return considered.first;
  considered.second_score = score(set[considered.second]);
  return considered.second_score < considered.first_score ? considered.second : considered.first;
}

double PerWeight(double load, const Node& node) { return load / static_cast<double>(WeightOf(node)); }

}  // namespace

void Set::Assign(std::vector<Node*> nodes, std::uint32_t offset) {
  nodes_ = std::move(nodes);
  offset_ = offset;
  weight_ = 0;
  for (const Node* node : nodes_) weight_ += WeightOf(*node);
  equal_ = std::all_of(nodes_.begin(), nodes_.end(),
                       [this](const Node* node) { return WeightOf(*node) == WeightOf(*nodes_.front()); });
}

std::size_t Set::IndexOf(const Node& node) const {
  const std::size_t index = node.place - offset_;
  return node.place != kNoPlace && node.place >= offset_ && index < nodes_.size() ? index : kNone;
}

bool IsWarm(const Node& node, Duration window, Rng& rng, TimePoint now) {
  const Duration age = now - node.since;
  if (node.since == TimePoint{} || age >= window) return true;
  const double share = static_cast<double>(age.count()) / static_cast<double>(window.count());
  return rng.Unit(Purpose::kSelect) < std::max(kColdest, share);
}

std::size_t Pick(policy::Balancer balancer, const Set& set, Excluded excluded, Rng& rng, TimePoint now,
                 Considered& considered) {
  if (set.size() == 0) return kNone;
  if (set.size() == 1) return 0;
  if (!excluded.empty() && AllExcluded(set, excluded)) excluded = {};
  const auto by_requests = [](const Node& node) { return PerWeight(node.in_flight + 1.0, node); };
  switch (balancer) {
    case policy::Balancer::kRoundRobin:
      if (set.size() <= kMostForRoundRobin) return RoundRobin(set, excluded);
      return BetterOfTwo(set, excluded, rng, considered, by_requests);
    case policy::Balancer::kRandom:
      return set.equal_weights() ? Uniform(set, excluded, kNone, rng) : WeightedRandom(set, excluded, rng);
    case policy::Balancer::kLeastRequest: return BetterOfTwo(set, excluded, rng, considered, by_requests);
    case policy::Balancer::kBest:
      return BetterOfTwo(set, excluded, rng, considered, [now](const Node& node) {
        return PerWeight((1 + node.Cost(now) / 1e8) * (1.0 + node.failures), node);
      });
    case policy::Balancer::kPeakEwma:
    case policy::Balancer::kHotCold:
    case policy::Balancer::kRingHash:
    case policy::Balancer::kMaglev: break;
  }
  return BetterOfTwo(set, excluded, rng, considered, [now](const Node& node) {
    return PerWeight(node.Cost(now) * (node.in_flight + 1.0), node);
  });
}

}  // namespace weft::select
