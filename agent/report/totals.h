#pragma once
// What one worker counted since its start, for the health statistics, the admin pages and the telemetry
// stream. Plain values: the worker copies them out, the cold thread merges the copies of all workers and, for
// the stream, subtracts what it sent last. Times are nanoseconds on the monotonic clock; zero: never.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "agent/report/labels.h"
#include "common/net/key.h"
#include "common/reason/reason.h"
#include "common/stats/histogram.h"
#include "common/time/time.h"

namespace weft::report {

// Requests of one direction to one service port, by one rule.
struct EdgeTotals {
  std::uint64_t requests = 0, successes = 0, failures = 0;  // by Classification; the rest was ignored
  std::uint64_t attempts = 0, retries = 0;
  std::array<std::uint64_t, kReasonCount> reasons{};
  std::array<std::uint64_t, 6> statuses{};  // by hundreds; [0]: no answer
  std::uint64_t total_nanos = 0;            // of all requests
  stats::Histogram latency;                 // microseconds

  void Merge(const EdgeTotals& other);
  void Subtract(const EdgeTotals& before);  // `before` is an earlier state of this
};

struct InstanceTotals {
  std::uint64_t requests = 0, failures = 0;  // attempts
  double average_nanos = 0;                  // moving, 1/8 per sample; zero: nothing measured

  void Merge(const InstanceTotals& other);  // average: weighted by requests
};

// A service port as a caller sees it, all rules together.
struct BackendTotals {
  std::array<std::uint64_t, kFailureKinds> failure_kinds{};
  std::uint64_t consecutive_failures = 0;           // now; of the worker that counts most
  std::uint64_t lent = 0, reused = 0;               // connections that the pool lent
  TimePoint created, last_used;                     // of the pool
  std::map<std::string, InstanceTotals> instances;  // by instance id
  std::map<std::string, EdgeTotals> edges;          // by rule name; "default": no rule

  void Merge(const BackendTotals& other);
  EdgeTotals Sum() const;
};

using EdgeKey = std::pair<BackendKey, engine::Direction>;
using Totals = std::map<EdgeKey, BackendTotals>;

void Merge(Totals& into, const Totals& from);

}  // namespace weft::report
