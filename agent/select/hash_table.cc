#include "agent/select/hash_table.h"

#include <algorithm>
#include <cmath>

namespace weft::select {
namespace {

constexpr double kLeastPoints = 1024, kMostPoints = 4096;
constexpr std::uint16_t kEmpty = 0xFFFF;
constexpr int kStartBits = 12;  // as many starts as there are points at most

std::uint64_t Draw(std::uint64_t hash, std::uint64_t index) { return Mix(0, hash, Purpose::kSelect, index); }

struct Turn {
  std::uint64_t at, skip;
  double wanted = 0;
};

}  // namespace

void HashTable::Clear() {
  nodes_.clear();
  made_.clear();
  slots_ = {};
  ring_ = {};
}

void HashTable::Assign(policy::Balancer kind, std::vector<const Node*> nodes) {
  std::sort(nodes.begin(), nodes.end(), [](const Node* a, const Node* b) { return a->hash < b->hash; });
  if (nodes.size() >= kEmpty) nodes.resize(kEmpty - 1);
  nodes_ = std::move(nodes);
  std::vector<std::pair<std::uint64_t, std::int64_t>> wanted;
  for (const Node* node : nodes_) wanted.emplace_back(node->hash, node->weight);
  const bool same = kind == kind_ && wanted == made_ && (!slots_.empty() || !ring_.empty());
  if (same) return;
  kind_ = kind;
  made_ = std::move(wanted);
  slots_ = {};
  ring_ = {};
  if (nodes_.empty()) return;
  kind == policy::Balancer::kMaglev ? BuildMaglev() : BuildRing();
}

void HashTable::BuildMaglev() {
  std::vector<Turn> turns;
  std::int64_t heaviest = 1;
  for (const auto& [hash, weight] : made_) {
    turns.push_back({Draw(hash, 1) % kSlots, Draw(hash, 2) % (kSlots - 1) + 1});
    heaviest = std::max(heaviest, weight);
  }
  slots_.assign(kSlots, kEmpty);
  std::size_t filled = 0;
  for (std::uint64_t round = 1; filled < kSlots; ++round) {
    for (std::size_t i = 0; i < turns.size() && filled < kSlots; ++i) {
      Turn& turn = turns[i];
      if (static_cast<double>(round) * static_cast<double>(made_[i].second) < turn.wanted) continue;
      turn.wanted += static_cast<double>(heaviest);
      while (slots_[turn.at] != kEmpty) turn.at = (turn.at + turn.skip) % kSlots;
      slots_[turn.at] = static_cast<std::uint16_t>(i);
      ++filled;
    }
  }
}

void HashTable::BuildRing() {
  double sum = 0, least = 1;
  for (const auto& [hash, weight] : made_) sum += static_cast<double>(weight);
  for (const auto& [hash, weight] : made_) least = std::min(least, static_cast<double>(weight) / sum);
  const double scale = std::min(std::ceil(least * kLeastPoints) / least, kMostPoints);
  double wanted = 0;
  std::uint64_t points = 0;
  for (std::size_t i = 0; i < made_.size(); ++i) {
    wanted += scale * static_cast<double>(made_[i].second) / sum;
    for (std::uint64_t n = 0; static_cast<double>(points) < wanted; ++n, ++points) {
      ring_.emplace_back(Draw(made_[i].first, 16 + n), static_cast<std::uint32_t>(i));
    }
  }
  std::sort(ring_.begin(), ring_.end());
  starts_.clear();
  for (std::uint32_t i = 0; i < ring_.size(); ++i) {
    while (starts_.size() <= ring_[i].first >> (64 - kStartBits)) starts_.push_back(i);
  }
  starts_.resize(std::size_t{1} << kStartBits, static_cast<std::uint32_t>(ring_.size()));
}

const Node* HashTable::Home(std::uint64_t key) const {
  if (nodes_.empty()) return nullptr;
  if (!slots_.empty()) return nodes_[slots_[key % kSlots]];
  std::size_t after = starts_[key >> (64 - kStartBits)];
  while (after < ring_.size() && ring_[after].first < key) ++after;
  return nodes_[after == ring_.size() ? ring_.front().second : ring_[after].second];
}

std::size_t HashTable::Pick(const Set& set, std::uint64_t key, double load_factor, std::uint32_t in_flight,
                            Excluded excluded, Considered& considered) const {
  if (set.size() == 0) return kNone;
  std::size_t least = kNone;
  double least_load = 0;
  for (int step = 0; step <= kWalk; ++step) {
    const Node* node = Home(step == 0 ? key : Draw(key, static_cast<std::uint64_t>(step)));
    const std::size_t at = node == nullptr ? kNone : set.IndexOf(*node);
    if (at == kNone || IsIn(excluded, *node)) continue;
    const double share = static_cast<double>(WeightOf(*node)) / static_cast<double>(set.weight());
    const double room = std::max(1.0, std::ceil(load_factor * share * std::max(1U, in_flight)));
    const double load = (node->in_flight + 1.0) / room;
    if (considered.first == kNone) considered.first = at, considered.first_score = load;
    if (at != considered.first) considered.second = at, considered.second_score = load;
    if (load <= 1) return at;
    if (least == kNone || load < least_load) least = at, least_load = load;
  }
  for (std::size_t i = 0; least == kNone && i < set.size(); ++i) {
    const std::size_t at = (key + i) % set.size();
    if (!IsIn(excluded, set[at])) least = at;
  }
  if (least == kNone) least = key % set.size();
  if (considered.first != least) considered.second = least, considered.second_score = least_load;
  if (considered.first == kNone) std::swap(considered.first, considered.second);
  return least;
}

}  // namespace weft::select
