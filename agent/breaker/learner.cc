#include "agent/breaker/learner.h"

#include <algorithm>
#include <cmath>

namespace weft::breaker {
namespace {

constexpr double kRate = 0.1, kPositive = 5, kDecay = 1e-4, kMostWeight = 5, kLeastSquares = 1e-8;
constexpr double kSure = 0.7;
constexpr std::uint32_t kInARow = 2;
constexpr Duration kWithin = std::chrono::seconds(15);

double Step(double gradient, double& squares) {
  squares += gradient * gradient;
  return kRate * gradient / std::sqrt(squares + kLeastSquares);
}

}  // namespace

double Learner::Probability(const Features& x, double bias) const {
  double sum = bias;
  for (std::size_t i = 0; i < kFeatures; ++i) sum += weights_[i] * x[i];
  return 1 / (1 + std::exp(-sum));
}

void Learner::Learn(const Features& x, Bias& bias, bool breach) {
  const double off = (Probability(x, bias.value) - (breach ? 1 : 0)) * (breach ? kPositive : 1);
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const double moved = weights_[i] - Step(off * x[i] + kDecay * weights_[i], squares_[i]);
    weights_[i] = std::clamp(moved, -kMostWeight, kMostWeight);
  }
  bias.value -= Step(off, bias.squares);
}

void Pupil::LearnFromOld(Learner& model, TimePoint now) {
  for (; count_ > 0; first_ = (first_ + 1) % seconds_.size(), --count_) {
    const Second& oldest = seconds_[first_];
    if (now - oldest.at < kWithin && count_ < seconds_.size()) return;
    const bool breach = breached_ > oldest.at && breached_ - oldest.at <= kWithin;
    model.Learn(oldest.x, bias_, breach);
  }
}

Foresight Pupil::Look(Learner& model, const Features& x, bool ready, bool breach, TimePoint now) {
  if (breach) breached_ = now;
  LearnFromOld(model, now);
  const bool tells = ready && !breach && !ledger_.InBreach(now);
  if (tells) {
    seconds_[(first_ + count_) % seconds_.size()] = {x, now};
    ++count_;
  }
  probability_ = tells ? model.Probability(x, bias_.value) : 0;
  above_ = probability_ > kSure ? above_ + 1 : 0;
  return ledger_.Settle(breach, above_ >= kInARow, now);
}

}  // namespace weft::breaker
