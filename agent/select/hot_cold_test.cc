#include "agent/select/hot_cold.h"

#include <gtest/gtest.h>

#include <memory>

namespace weft::select {
namespace {

using std::chrono::milliseconds;
const TimePoint kHeard = FromNanos(1'000'000'000'000);

class Pool {
 public:
  explicit Pool(std::size_t n) {
    std::vector<Node*> pointers;
    for (std::size_t i = 0; i < n; ++i) {
      nodes.push_back(std::make_unique<Node>());
      nodes.back()->place = static_cast<std::uint32_t>(i);
      pointers.push_back(nodes.back().get());
    }
    set.Assign(pointers);
  }
  // The pick of request `number`, skipping those that are left to peak EWMA.
  std::size_t Pick(std::uint64_t& number, TimePoint now = kHeard, Excluded excluded = {}) {
    for (int i = 0; i < 1000; ++i) {
      Rng rng(1, ++number);
      Considered considered;
      const std::size_t at = hot_cold.Pick(set, excluded, rng, now, considered);
      if (at == kNone) continue;
      --set[at].load_in_flight;  // done at once
      return at;
    }
    return kNone;
  }

  std::vector<std::unique_ptr<Node>> nodes;
  Set set;
  HotCold hot_cold;
};

// The two laws of the rule, over random pools: a cold one is picked if there is any, and then none of the
// cold ones is faster; when all are hot the least loaded.
TEST(HotColdTest, NoColdInstanceIsFasterThanTheOnePicked) {
  std::uint64_t number = 0;
  for (std::uint64_t round = 0; round < 2000; ++round) {
    Rng rng(9, round);
    const std::size_t n = 2 + rng.Below(Purpose::kTest, 14);
    Pool pool(n);
    std::vector<std::uint32_t> loads;
    for (auto& node : pool.nodes) {
      const auto load = static_cast<std::uint32_t>(rng.Below(Purpose::kTest, 40));
      loads.push_back(load);
      pool.hot_cold.Heard(*node, load, milliseconds(1 + rng.Below(Purpose::kTest, 500)), kHeard);
    }
    std::sort(loads.begin(), loads.end());
    const std::uint32_t hot =
        loads.back() < 8 ? loads[0] : loads[static_cast<std::size_t>(0.84 * static_cast<double>(n - 1))];
    const Node& picked = *pool.nodes[pool.Pick(number)];
    EXPECT_LE(picked.load_in_flight, hot);
    for (auto& node : pool.nodes) {
      EXPECT_TRUE(node->load_in_flight > hot || node->load_latency >= picked.load_latency);
    }
  }
}

TEST(HotColdTest, WhatIsOlderThanASecondSaysNothing) {
  Pool pool(3);
  std::uint64_t number = 0;
  pool.hot_cold.Heard(*pool.nodes[0], 0, milliseconds(1), kHeard);
  pool.hot_cold.Heard(*pool.nodes[1], 0, milliseconds(2), kHeard + milliseconds(900));
  EXPECT_EQ(pool.Pick(number, kHeard + milliseconds(900)), 0u);
  EXPECT_EQ(pool.Pick(number, kHeard + milliseconds(1100)), kNone) << "one alone is left to peak EWMA";
}

TEST(HotColdTest, FailingFastAttractsNobody) {
  Pool pool(2);
  std::uint64_t number = 0;
  pool.hot_cold.Heard(*pool.nodes[0], 0, milliseconds(1), kHeard);
  pool.hot_cold.Heard(*pool.nodes[1], 0, milliseconds(50), kHeard);
  EXPECT_EQ(pool.Pick(number), 0u);
  pool.hot_cold.Heard(*pool.nodes[0], 0, milliseconds(1), kHeard);
  HotCold::Failed(*pool.nodes[0], kHeard);
  EXPECT_EQ(pool.Pick(number), 1u);
}

TEST(HotColdTest, WhatWasSaidIsUsedOnceOrAFewTimes) {
  int picks = 0;
  constexpr std::uint64_t kRounds = 4000;
  for (std::uint64_t round = 0; round < kRounds; ++round) {
    Pool pool(3);
    for (auto& node : pool.nodes) pool.hot_cold.Heard(*node, 0, milliseconds(1), kHeard);
    for (std::uint64_t i = 0; i < 100; ++i) {
      Rng rng(round, i);
      Considered considered;
      if (pool.hot_cold.Pick(pool.set, {}, rng, kHeard, considered) == kNone) break;
      ++picks;
    }
  }
  // Until one of the three is left: two times 1.32.
  EXPECT_NEAR(picks / static_cast<double>(kRounds), 2.64, 0.1);
}

TEST(HotColdTest, OfMoreThanSixteenTheOneHeardFromLongestAgoGivesWay) {
  Pool pool(17);
  for (std::size_t i = 0; i < 17; ++i)
    pool.hot_cold.Heard(*pool.nodes[i], 0, milliseconds(i == 0 ? 1 : 2), kHeard + milliseconds(i));
  std::uint64_t number = 0;
  EXPECT_NE(pool.Pick(number, kHeard + milliseconds(20)), 0u);
}

TEST(HotColdTest, AnInstanceThatIsGoneIsForgotten) {
  Pool pool(3);
  std::uint64_t number = 0;
  for (auto& node : pool.nodes) pool.hot_cold.Heard(*node, 0, milliseconds(1), kHeard);
  pool.set.Assign({pool.nodes[1].get(), pool.nodes[2].get()}, 1);
  pool.nodes[0].reset();
  pool.hot_cold.Keep(pool.set);
  for (int i = 0; i < 50; ++i) {
    EXPECT_LT(pool.Pick(number), 2u);
    for (const std::size_t n : {std::size_t{1}, std::size_t{2}})
      pool.hot_cold.Heard(*pool.nodes[n], 0, milliseconds(1), kHeard);
  }
}

}  // namespace
}  // namespace weft::select
