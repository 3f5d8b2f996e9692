#pragma once
// How bad a service port is when it is well, learned from what its requests weigh, and from which badness on
// its circuit opens:
//
//   theta(N) = clamp(mu + max(0.15, 5 * sqrt(v / N + sb)), 0.30, 1.00)
//
// for N requests in the window, with, per closed second of n requests and mean weight x,
//
//   mu += a * (x - mu)                      a = 1 - exp(-1 s / 600 s)
//   v  += a * (variance within it - v)      noise of single requests
//   sb += a * (max(0, (x - mu)^2 - v / n) - sb)   what seconds differ by beyond that
//
// Badness is points per request, 0 to 2: 0.30 is 20 % answers of 5xx or 15 % time-outs, 1.00 twice as many
// and more. The lower clamp keeps a perfect service from opening on two errors; the v / N term asks more of
// few requests; the upper clamp keeps a service that decays slowly from becoming its own measure, as does
// that nothing is learned while the window is at or above theta. Source: resilience.md 1.4; its measured
// false openings are in 1.5; its sb could only grow, here it also falls. Square roots are exact in IEEE
// arithmetic, so every binary agrees. Thread rule: one owner.

#include <cstdint>

namespace weft::breaker {

inline constexpr double kLeastTheta = 0.30, kMostTheta = 1.00;

class Baseline {
 public:
  // One closed second: points, their squares, requests.
  void Learn(double points, double squares, std::uint32_t requests);
  // For a window of so many requests; what nothing is known of begins at kLeastTheta.
  double Theta(std::uint32_t requests) const;
  // Failures in a row that are no chance (below 10^-9) at this baseline: 5 to 20.
  std::uint32_t Run() const;
  double mean() const { return mean_; }

 private:
  double mean_ = 0, within_ = 0, between_ = 0;
};

}  // namespace weft::breaker
