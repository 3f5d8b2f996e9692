#pragma once
// Whether the traffic of the agents that apply a candidate is worse than everybody else's. Pure.
//
// Failures: two proportions, pooled z of at least 3 (one false alarm in 700 looks at equal rates), and at
// least one percentage point and half as much again as the others fail, so that a significant trifle halts
// nothing. Fewer than 20 requests judge nothing. Where nobody else has 20 requests, 5 % is too much. Latency:
// the share of the candidate's requests above the others' 95th percentile, expected 5 %, with z of at least
// 3, and a 95th percentile half as long again and 5 ms longer; at least 50 measured requests on both sides.
// Source: the test of equal proportions (any statistics text); the margins are ours (docs/decisions.md).
//
// Units: microseconds in histograms, milliseconds in texts.

#include <cstdint>
#include <optional>
#include <string>

#include "common/stats/histogram.h"

namespace weft::rollout {

struct Traffic {
  std::uint64_t requests = 0, failures = 0;
  stats::Histogram latency;  // microseconds
  double P95Ms() const { return latency.Percentile(95) / 1000.0; }
};

struct Verdict {
  std::string code, message;  // "HighErrorRate", a sentence with the figures
};

// None: nothing speaks against the candidate, perhaps because it has too little traffic.
std::optional<Verdict> Judge(const Traffic& candidate, const Traffic& others);

}  // namespace weft::rollout
