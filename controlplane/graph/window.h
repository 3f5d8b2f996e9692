#pragma once
// One edge over time: what was reported in the last minute, in slices of 2.5 s, and what its latency was
// before (the baseline: the last 5 to 10 minutes that were learnt). Pure: time comes in and never runs
// backwards. Thread rule: plain value.

#include <array>
#include <deque>

#include "common/reason/reason.h"
#include "common/time/time.h"
#include "controlplane/graph/sparse.h"
#include "weft/v1/telemetry.pb.h"

namespace weft::graph {

inline constexpr Duration kSlice = std::chrono::milliseconds(2500);
inline constexpr Duration kKept = std::chrono::seconds(60);

// Counts of one slice, or of several together.
struct Sum {
  std::uint64_t requests = 0, failures = 0, retries = 0;
  std::array<std::uint64_t, kReasonCount> reasons{};
  Sparse latency;          // of whole requests, microseconds
  TimePoint began, ended;  // what the counts cover; zero: nothing was reported

  void Add(const v1::Edge& edge, TimePoint from, TimePoint to);
  void Merge(const Sum& other);
  void MergeCounts(const Sum& other);  // all but latency
  std::uint64_t Count(Reason reason) const { return reasons[static_cast<std::size_t>(reason)]; }
  double SuccessRate() const;             // 0 to 1; without requests 1
  double PerSecond(TimePoint now) const;  // requests; falls once reports stay away
};

class Window {
 public:
  // `interval`: what the counts cover, ending now.
  void Add(const v1::Edge& edge, TimePoint now, Duration interval);
  // Slices that ended less than `span` ago or go on.
  Sum Recent(TimePoint now, Duration span = kKept) const;
  Sum RecentCounts(TimePoint now, Duration span) const;  // the same without latencies: a tenth of the work
  struct Share {
    std::uint64_t some = 0, all = 0;
  };
  Share Slower(TimePoint now, Duration span,
               std::uint32_t than) const;  // requests, than so many microseconds

  // Forgets slices older than a minute; those older than half a minute go into the baseline, or nowhere
  // while something is wrong (`healthy` is false).
  void Turn(TimePoint now, bool healthy);
  // Null until a minute and a hundred requests were learnt.
  const Sparse* Baseline() const { return baseline_.total() >= 100 && long_enough_ ? &baseline_ : nullptr; }
  void ForgetBaseline();

 private:
  struct Slice {
    std::int64_t step;
    Sum sum;
  };
  void Learn(const Slice& slice);

  std::deque<Slice> slices_;       // those with reports, oldest first
  std::int64_t learnt_ = 0;        // the newest step that was looked at
  std::int64_t first_learnt_ = 0;  // of this baseline; zero: none
  std::int64_t half_began_ = 0;
  bool long_enough_ = false;
  Sparse baseline_, half_;  // all of it; of the newer 5 minutes
};

}  // namespace weft::graph
