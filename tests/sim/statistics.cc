#include "tests/sim/statistics.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "common/random/random.h"

namespace weft::sim {
namespace {

constexpr std::size_t kResamples = 2000;

double MeanOf(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

Interval BootstrapMean(std::span<const double> values) {
  if (values.empty()) return {};
  std::vector<double> means;
  std::vector<double> resample(values.size());
  for (std::size_t r = 0; r < kResamples; ++r) {
    Rng rng(1, r);
    for (double& value : resample) value = values[rng.Below(Purpose::kSimulation, values.size())];
    means.push_back(MeanOf(resample));
  }
  std::sort(means.begin(), means.end());
  return {MeanOf(values), means[kResamples * 25 / 1000], means[kResamples * 975 / 1000]};
}

}  // namespace weft::sim
