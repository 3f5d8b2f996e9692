#include "agent/select/hot_cold.h"

#include <algorithm>

namespace weft::select {
namespace {

constexpr std::uint32_t kSmall = 8;
constexpr double kQuantile = 0.84;  // 2^-0.25
constexpr double kForget = 1 / 1.32;
constexpr Duration kFailure = std::chrono::seconds(5);
constexpr int kDegraded = 4;  // times the latency

struct Entry {
  std::size_t at;
  Node* node;
  Node** place;
  std::uint64_t
      order;  // lower is better: its latency, or of a hot one its requests in flight above all those
};
constexpr std::uint64_t kHot = std::uint64_t{1} << 63;

Duration LatencyOf(const Node& node) { return node.load_latency * (node.degraded ? kDegraded : 1); }

// Requests in flight above which an instance is hot.
std::uint32_t Threshold(const std::array<Entry, HotCold::kMost>& entries, std::size_t count) {
  std::array<std::uint32_t, HotCold::kMost> loads;
  std::uint32_t least = ~0U, most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    loads[i] = entries[i].node->load_in_flight;
    least = std::min(least, loads[i]);
    most = std::max(most, loads[i]);
  }
  if (most < kSmall) return least;
  const auto at = static_cast<std::ptrdiff_t>(kQuantile * static_cast<double>(count - 1));
  std::nth_element(loads.begin(), loads.begin() + at, loads.begin() + static_cast<std::ptrdiff_t>(count));
  return loads[static_cast<std::size_t>(at)];
}

}  // namespace

void HotCold::Heard(Node& node, std::uint32_t in_flight, Duration latency, TimePoint now) {
  node.load_in_flight = in_flight;
  node.load_latency = latency;
  node.load_at = now;
  Node** oldest = &heard_[0];
  Node** free = nullptr;
  for (Node*& each : heard_) {
    if (each == &node) return;
    if (each == nullptr) free = &each;
    if (free == nullptr && each->load_at < (*oldest)->load_at) oldest = &each;
  }
  *(free == nullptr ? oldest : free) = &node;
}

void HotCold::Failed(Node& node, TimePoint now) {
  if (node.load_at == TimePoint{}) return;
  node.load_latency = std::max(node.load_latency, kFailure);
  node.load_at = now;
}

void HotCold::Keep(const Set& set) {
  std::array<Node*, kMost> kept{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const auto found = std::find(heard_.begin(), heard_.end(), &set[i]);
    if (found != heard_.end()) kept[count++] = *found;
  }
  heard_ = kept;
}

std::size_t HotCold::Pick(const Set& set, Excluded excluded, Rng& rng, TimePoint now,
                          Considered& considered) {
  std::array<Entry, kMost> entries;
  std::size_t count = 0;
  for (Node*& each : heard_) {
    Node* node = each;
    if (node == nullptr || now - node->load_at > kFresh || IsIn(excluded, *node)) continue;
    const std::size_t at = set.IndexOf(*node);
    if (at != kNone) entries[count++] = {at, node, &each, 0};
  }
  if (count < 2) return kNone;
  const std::uint32_t hot = Threshold(entries, count);
  for (std::size_t i = 0; i < count; ++i) {
    const Node& node = *entries[i].node;
    entries[i].order = node.load_in_flight > hot ? kHot | node.load_in_flight
                                                 : static_cast<std::uint64_t>(LatencyOf(node).count());
  }
  const std::size_t from = rng.Below(Purpose::kSelect, count);  // a tie goes to either
  std::size_t best = from, second = from == 0 ? 1 : 0;
  const auto look = [&](std::size_t i) {
    if (entries[i].order < entries[best].order) {
      second = best;
      best = i;
    } else if (i != best && (second == best || entries[i].order < entries[second].order)) {
      second = i;
    }
  };
  for (std::size_t i = from + 1; i < count; ++i) look(i);
  for (std::size_t i = 0; i < from; ++i) look(i);
  considered.first = entries[best].at, considered.second = entries[second].at;
  considered.first_score = static_cast<double>(LatencyOf(*entries[best].node).count());
  considered.second_score = static_cast<double>(LatencyOf(*entries[second].node).count());
  ++entries[best].node->load_in_flight;
  if (rng.Unit(Purpose::kSelect) < kForget) *entries[best].place = nullptr;
  return entries[best].at;
}

}  // namespace weft::select
