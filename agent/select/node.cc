#include "agent/select/node.h"

#include <algorithm>
#include <array>

namespace weft::select {
namespace {

constexpr std::size_t kSteps = 256;  // of 1/16 tau each, linear between: off by less than 0.05 %
constexpr double kOneStep = 0.93941306281347578611971;  // exp(-1/16)

constexpr std::array<double, kSteps + 1> MakeTable() {
  std::array<double, kSteps + 1> table{};
  double value = 1;
  for (double& entry : table) {
    entry = value;
    value *= kOneStep;
  }
  return table;
}
constexpr std::array<double, kSteps + 1> kTable = MakeTable();

}  // namespace

double Decay(Duration elapsed, Duration tau) {
  if (elapsed <= Duration::zero()) return 1;
  if (elapsed >= 16 * tau) return 0;
  const double x = static_cast<double>(elapsed.count()) * 16 / static_cast<double>(tau.count());
  const auto step = static_cast<std::size_t>(x);
  return kTable[step] + (x - static_cast<double>(step)) * (kTable[step + 1] - kTable[step]);
}

double Node::Cost(TimePoint now) const {
  const auto least = static_cast<double>(kLeastCost.count());
  if (stamp == TimePoint{}) return in_flight == 0 ? least : cost;
  return std::max(cost * Decay(now - stamp, kTau), least);
}

void Node::Observe(double nanos, TimePoint now) {
  if (stamp == TimePoint{}) {
    cost = nanos;
  } else if (nanos > cost) {
    cost = nanos;
  } else {
    const double kept = Decay(now - stamp, kTau);
    cost = nanos * (1 - kept) + cost * kept;
  }
  stamp = now;
}

void Node::ObserveFailure(Duration took, TimePoint now) {
  ++failures;
  const double held = stamp == TimePoint{} ? cost : cost * Decay(now - stamp, kTau);
  cost = std::max(held, static_cast<double>(took.count()));
  stamp = now;
}

void Node::ObserveOverload(Duration took, Duration retry_after, TimePoint now) {
  ++failures;
  const Duration penalty = std::min(std::max(kOverloadCost, retry_after), kMostOverloadCost);
  Observe(static_cast<double>(std::max(took, penalty).count()), now);
}

}  // namespace weft::select
