#include "agent/select/hash_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>

namespace weft::select {
namespace {

using policy::Balancer;
constexpr Balancer kHashing[] = {Balancer::kMaglev, Balancer::kRingHash};

std::uint64_t KeyOf(std::uint64_t i) { return Mix(7, i, Purpose::kTest, 0); }

// Hashed 0..n-1, all in the table; those in the set may be picked.
class Hashed {
 public:
  Hashed(Balancer kind, std::size_t n) : kind_(kind) {
    for (std::size_t i = 0; i < n; ++i) Add(i);
    Assign();
  }
  void Add(std::size_t id) {
    nodes.push_back(std::make_unique<Node>());
    nodes.back()->hash = Mix(1, id, Purpose::kTest, 1);
  }
  void Remove(std::size_t i) {
    nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(i));
    Assign();
  }
  void Assign(const Node* ejected = nullptr) {
    std::vector<const Node*> all;
    std::vector<Node*> available;
    for (const auto& node : nodes) {
      all.push_back(node.get());
      node->place = kNoPlace;
      if (node.get() == ejected) continue;
      node->place = static_cast<std::uint32_t>(available.size());
      available.push_back(node.get());
    }
    set.Assign(available);
    table.Assign(kind_, all);
  }
  std::uint64_t HashOf(std::uint64_t key) { return table.Home(key)->hash; }
  Node& Pick(std::uint64_t key, double factor, std::uint32_t in_flight, Excluded excluded = {}) {
    Considered considered;
    return set[table.Pick(set, key, factor, in_flight, excluded, considered)];
  }

  std::vector<std::unique_ptr<Node>> nodes;
  Set set;
  HashTable table;

 private:
  Balancer kind_;
};

TEST(HashTableTest, EveryAgentMapsAKeyToTheSameInstanceWhateverTheOrderItHeardOfThem) {
  for (const Balancer kind : kHashing) {
    Hashed one(kind, 12), other(kind, 12);
    std::reverse(other.nodes.begin(), other.nodes.end());
    other.Assign();
    for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(one.HashOf(KeyOf(i)), other.HashOf(KeyOf(i)));
  }
}

TEST(HashTableTest, KeysSpreadByWeight) {
  for (const Balancer kind : kHashing) {
    Hashed instances(kind, 10);
    instances.nodes[0]->weight = 3;
    instances.Assign();
    std::map<const Node*, int> counts;
    constexpr int kKeys = 120'000;
    for (std::uint64_t i = 0; i < kKeys; ++i) ++counts[instances.table.Home(KeyOf(i))];
    const double off = kind == Balancer::kMaglev ? 0.03 : 0.35;  // a ring of 4,096 points is coarse
    EXPECT_NEAR(counts[instances.nodes[0].get()], kKeys / 4, kKeys / 4 * off);
    for (std::size_t i = 1; i < 10; ++i) {
      EXPECT_NEAR(counts[instances.nodes[i].get()], kKeys / 12, kKeys / 12 * off);
    }
  }
}

// The criterion of the scenario: at most 2/N of the keys move when one of N goes.
TEST(HashTableTest, OneOfTwentyInstancesThatGoesMovesFewOtherKeys) {
  for (const Balancer kind : kHashing) {
    Hashed instances(kind, 20);
    constexpr std::uint64_t kKeys = 40'000;
    std::vector<std::uint64_t> before;
    for (std::uint64_t i = 0; i < kKeys; ++i) before.push_back(instances.HashOf(KeyOf(i)));
    instances.Remove(7);
    std::uint64_t moved = 0;
    for (std::uint64_t i = 0; i < kKeys; ++i) moved += instances.HashOf(KeyOf(i)) != before[i];
    EXPECT_GE(moved, kKeys / 30);
    EXPECT_LE(moved, kKeys * 2 / 20);
  }
}

TEST(HashTableTest, AnEjectedInstanceLosesItsKeysAloneAndGetsThemBack) {
  for (const Balancer kind : kHashing) {
    Hashed instances(kind, 8);
    const Node* out = instances.nodes[3].get();
    std::vector<const Node*> before;
    for (std::uint64_t i = 0; i < 4000; ++i) before.push_back(&instances.Pick(KeyOf(i), 100, 1));
    instances.Assign(out);
    std::map<const Node*, int> heirs;
    for (std::uint64_t i = 0; i < 4000; ++i) {
      const Node* now = &instances.Pick(KeyOf(i), 100, 1);
      if (before[i] == out) {
        ++heirs[now];
      } else {
        EXPECT_EQ(now, before[i]);
      }
    }
    EXPECT_GE(heirs.size(), 6u) << "its keys spread over the others";
    EXPECT_FALSE(heirs.contains(out));
    instances.Assign();
    for (std::uint64_t i = 0; i < 4000; ++i) EXPECT_EQ(&instances.Pick(KeyOf(i), 100, 1), before[i]);
  }
}

// Zipf(1.1) keys, requests that stay: nobody holds more than the bound, whatever one key asks.
TEST(HashTableTest, AHotKeyNeverLoadsAnInstanceBeyondTheBound) {
  for (const Balancer kind : kHashing) {
    Hashed instances(kind, 10);
    Rng rng(3, 0);
    std::vector<double> cumulative;
    double sum = 0;
    for (int i = 1; i <= 1000; ++i) cumulative.push_back(sum += std::pow(i, -1.1));
    std::vector<Node*> held;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), rng.Unit(Purpose::kTest) * sum);
      Node& picked = instances.Pick(KeyOf(static_cast<std::uint64_t>(at - cumulative.begin())), 1.25,
                                    static_cast<std::uint32_t>(held.size()) + 1);
      ++picked.in_flight;
      held.push_back(&picked);
      EXPECT_LE(picked.in_flight, std::ceil(1.25 * static_cast<double>(held.size()) / 10)) << i;
      if (held.size() < 400) continue;
      const std::size_t done = rng.Below(Purpose::kTest, held.size());
      --held[done]->in_flight;
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(done));
    }
  }
}

TEST(HashTableTest, ARetryGoesElsewhereAndWhenAllWereTriedAnywhere) {
  for (const Balancer kind : kHashing) {
    Hashed instances(kind, 3);
    for (std::uint64_t i = 0; i < 100; ++i) {
      const Node* first = &instances.Pick(KeyOf(i), 1.25, 1);
      const Node* second = &instances.Pick(KeyOf(i), 1.25, 1, std::array{first});
      EXPECT_NE(first, second);
      const std::array all{static_cast<const Node*>(instances.nodes[0].get()),
                           static_cast<const Node*>(instances.nodes[1].get()),
                           static_cast<const Node*>(instances.nodes[2].get())};
      EXPECT_NE(&instances.Pick(KeyOf(i), 1.25, 1, all), nullptr);
    }
    Considered considered;
    EXPECT_EQ(instances.table.Pick(Set{}, 1, 1.25, 1, {}, considered), kNone);
  }
}

}  // namespace
}  // namespace weft::select
