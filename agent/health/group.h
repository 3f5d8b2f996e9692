#pragma once
// Which instances of one service port to eject now, from the evidence of attempts.
//
//   R1 consecutive   consecutive_failures in a row over at least consecutive_span, the last within 10 s,
//   while another available instance
//                    is clean (badness below 0.5): if all fail, ejecting does not help and the breaker acts
//   R2 failure rate  at least minimum_requests in 10 s and badness >= max(failure_rate, 3 * median of the
//   others + 0.2) R3 outlier       at least 20 in 10 s, four others to compare with: badness above their
//   median by more than
//                    4 * max(1.4826 * MAD, sqrt(m (2 - m) / N), 0.02) with m their median, and at least
//                    0.375, or 0.2 from 50 requests on. Median and MAD, because a mean is pulled along by the
//                    bad ones.
//
//   R4 latency       at least 20 answers in 10 s here and in three others: the geometric mean of the response
//                    times is above latency_factor times the median of the others', by more than 4 * 1.4826 *
//                    MAD (in logarithms, no less than 0.05) and by more than 50 ms. Degraded, until it is
//                    below half of that way; when it lasts 30 s, ejected ("latency"). Geometric, because one
//                    answer of a minute says little.
//
// Worst first, and never more than max_ejected_percent of the capacity is out; one always may when there are
// two or more, the last available one never. Source: resilience.md 4.4, its R3 with a floor against chance.
// Thread rule: one owner.

#include <vector>

#include "agent/health/instance.h"

namespace weft::health {

struct Ejection {
  Instance* instance = nullptr;
  const char* cause = "";  // "consecutive", "failure_rate", "outlier", "latency"
};

// Ejects and returns what was ejected.
std::vector<Ejection> EjectOutliers(const std::vector<Instance*>& instances,
                                    const policy::OutlierDetection& policy, TimePoint now);

}  // namespace weft::health
