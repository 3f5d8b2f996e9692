#include "agent/breaker/baseline.h"

#include <algorithm>
#include <cmath>

namespace weft::breaker {
namespace {

constexpr double kGain = 0.00166527854;  // 1 - exp(-1/600)
constexpr double kMargin = 0.15, kSigmas = 5;
constexpr double kFailureWeight = 1.5, kChance = 1e-9, kLeastRate = 0.01;
constexpr std::uint32_t kLeastRun = 5, kMostRun = 20;

}  // namespace

void Baseline::Learn(double points, double squares, std::uint32_t requests) {
  if (requests == 0) return;
  const double n = requests, x = points / n;
  const double d = x - mean_;
  mean_ += kGain * d;
  within_ += kGain * (std::max(0.0, squares / n - x * x) - within_);
  between_ += kGain * (std::max(0.0, d * d - within_ / n) - between_);
}

double Baseline::Theta(std::uint32_t requests) const {
  const double noise = std::sqrt(within_ / std::max(1U, requests) + between_);
  return std::clamp(mean_ + std::max(kMargin, kSigmas * noise), kLeastTheta, kMostTheta);
}

std::uint32_t Baseline::Run() const {
  const double rate = std::clamp(mean_ / kFailureWeight, kLeastRate, 0.9);
  double chance = 1;
  std::uint32_t run = 0;
  while (run < kMostRun && (run < kLeastRun || chance > kChance)) {
    chance *= rate;
    ++run;
  }
  return run;
}

}  // namespace weft::breaker
