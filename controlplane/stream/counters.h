#pragma once
// What the hub counts, for the weft_control_* metrics (docs/metrics.md). Not thread safe.

#include <array>
#include <cstdint>

namespace weft::stream {

// Upper bounds of the convergence histogram, seconds; one more bucket is for everything above.
inline constexpr std::array<double, 10> kConvergenceBounds = {0.01, 0.025, 0.05, 0.1, 0.25,
                                                              0.5,  1,     2.5,  10,  30};

// Likewise of the sizes of messages, bytes.
inline constexpr std::array<std::uint64_t, 8> kPushBounds = {256,        1U << 10U,   4U << 10U, 16U << 10U,
                                                             64U << 10U, 256U << 10U, 1U << 20U, 4U << 20U};

struct Metrics {
  std::uint64_t agents = 0;                                        // connected now
  std::uint64_t pushes = 0;                                        // messages sent to agents
  std::uint64_t push_bytes = 0;                                    // of those
  std::array<std::uint64_t, kPushBounds.size() + 1> push_sizes{};  // by bucket, not cumulative
  std::uint64_t rejects = 0;  // bundles or whole deltas that agents refused
  std::array<std::uint64_t, kConvergenceBounds.size() + 1> convergence{};  // by bucket, not cumulative
  double convergence_sum = 0;  // seconds from release to acknowledgement

  void CountPush(std::size_t bytes);
  void CountConvergence(double seconds);
  void Add(const Metrics& other);  // all but the agents
};

}  // namespace weft::stream
