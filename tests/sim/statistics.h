#pragma once
// What may be said of a figure from a number of seeds. Pure, and the same in every run.

#include <span>

namespace weft::sim {

struct Interval {
  double mean = 0, low = 0, high = 0;
};

// The mean with its 95 % interval by the bootstrap: 2,000 resamples (Efron 1979, percentile method).
Interval BootstrapMean(std::span<const double> values);

}  // namespace weft::sim
