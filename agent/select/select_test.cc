#include "agent/select/select.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft::select {
namespace {

using policy::Balancer;
const TimePoint kNow = FromNanos(1'000'000'000'000);

struct Instances {
  explicit Instances(std::vector<std::uint32_t> weights) : nodes(weights.size()) {
    std::vector<Node*> pointers;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      nodes[i].weight = weights[i];
      pointers.push_back(&nodes[i]);
    }
    set.Assign(pointers);
  }
  std::size_t Pick(Balancer balancer, std::uint64_t number, std::vector<const Node*> excluded = {}) {
    Rng rng(5, number);
    Considered considered;
    return select::Pick(balancer, set, excluded, rng, kNow, considered);
  }
  std::vector<int> Count(Balancer balancer, int picks) {
    std::vector<int> counts(nodes.size());
    for (int i = 0; i < picks; ++i) ++counts[Pick(balancer, static_cast<std::uint64_t>(i))];
    return counts;
  }
  std::vector<Node> nodes;
  Set set;
};

constexpr Balancer kAll[] = {Balancer::kRoundRobin, Balancer::kRandom, Balancer::kLeastRequest,
                             Balancer::kPeakEwma};

TEST(SelectTest, NoneOneAndTwoInstances) {
  for (const Balancer balancer : kAll) {
    EXPECT_EQ(Instances({}).Pick(balancer, 1), kNone);
    EXPECT_EQ(Instances({1}).Pick(balancer, 1), 0u);
    const std::vector<int> counts = Instances({1, 1}).Count(balancer, 1000);
    EXPECT_NEAR(counts[0], 500, 80) << "a tie goes to either";
  }
}

TEST(SelectTest, SmoothRoundRobinIsExactAndEvenlySpaced) {
  Instances instances({5, 1, 1});
  std::string order;
  for (std::uint64_t i = 0; i < 7; ++i)
    order += static_cast<char>('a' + instances.Pick(Balancer::kRoundRobin, i));
  EXPECT_EQ(order, "aabacaa");
}

TEST(SelectTest, EqualLoadsSpreadEvenly) {
  for (const Balancer balancer : kAll) {
    for (const int count : Instances(std::vector<std::uint32_t>(100, 1)).Count(balancer, 100'000)) {
      EXPECT_NEAR(count, 1000, 160);
    }
  }
}

TEST(SelectTest, RandomFollowsWeights) {
  const std::vector<int> counts = Instances({8, 2}).Count(Balancer::kRandom, 10'000);
  EXPECT_NEAR(counts[0], 8000, 200);
}

TEST(SelectTest, ExcludedInstancesAreLeftOutWhileOthersRemain) {
  Instances instances({1, 1, 1});
  for (const Balancer balancer : kAll) {
    for (std::uint64_t i = 0; i < 200; ++i) {
      EXPECT_EQ(instances.Pick(balancer, i, {&instances.nodes[0], &instances.nodes[2]}), 1u);
      EXPECT_NE(instances.Pick(balancer, i, {&instances.nodes[0], &instances.nodes[1], &instances.nodes[2]}),
                kNone);
    }
  }
}

TEST(SelectTest, TheSlowerOfTwoIsLeftAloneUntilItsPeakDecays) {
  Instances instances({1, 1});
  instances.nodes[0].ObserveSuccess(std::chrono::milliseconds(5), kNow);
  instances.nodes[1].ObserveSuccess(std::chrono::milliseconds(500), kNow);
  EXPECT_EQ(instances.Count(Balancer::kPeakEwma, 100)[1], 0);
  EXPECT_LT(instances.nodes[1].Cost(kNow + std::chrono::seconds(60)), 5e6);
}

TEST(SelectTest, AnInstanceNeverSeenIsTriedAndAFailureNeverImprovesTheAverage) {
  Instances instances({1, 1});
  instances.nodes[0].ObserveSuccess(std::chrono::milliseconds(5), kNow);
  EXPECT_EQ(instances.Count(Balancer::kPeakEwma, 100)[1], 100);
  instances.nodes[0].ObserveFailure(std::chrono::microseconds(10), kNow);
  EXPECT_GE(instances.nodes[0].Cost(kNow), 5e6);
}

TEST(SelectTest, TheTableOfDecayIsCloseToExp) {
  for (int i = 0; i < 1600; ++i) {
    const Duration elapsed = kTau / 100 * i;
    EXPECT_NEAR(Decay(elapsed, kTau) / std::exp(-i / 100.0), 1, 0.001);
  }
}

}  // namespace
}  // namespace weft::select
