#pragma once
// What became of the requests of a world: counts, response times, and the same per 100 ms by the time a
// request began. All of it as text is the same in every run of the same world. Thread rule: one thread.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/reason/reason.h"
#include "common/stats/histogram.h"
#include "common/time/time.h"

namespace weft::simulate {

inline constexpr Duration kSlice = std::chrono::milliseconds(100);

struct Counts {
  std::uint64_t requests = 0;  // finished
  std::uint64_t good = 0;      // answered below 500
  std::uint64_t bad = 0;       // answered 500 and above, or not at all
  std::uint64_t refused = 0;   // by the decider, before anything was sent
  std::uint64_t attempts = 0, retries = 0;
  std::uint64_t first_failed = 0;  // first attempt failed in a way that may be tried again, and it was
  std::uint64_t rescued = 0;       // of those: good in the end
  Counts& operator+=(const Counts& o);
  friend bool operator==(const Counts&, const Counts&) = default;
};

// A moment at which something changed its state.
struct Change {
  TimePoint at;
  std::uint32_t client = 0;
  std::string who;  // "cart-3", "circuit"
  std::string from, to, cause;
};

class Tally {
 public:
  // Requests that begin before it are in the slices only.
  TimePoint measure_from;

  void Begin(TimePoint begin) { begin_ = begin; }
  void Attempt(TimePoint request_began);
  struct End {
    TimePoint began, ended;
    Reason reason = Reason::kOk;
    std::uint16_t status = 0;
    std::uint32_t attempts = 0;
    bool first_failed = false;
  };
  void Finished(const End& end);
  void Noted(Change change) { changes_.push_back(std::move(change)); }

  const Counts& counts() const { return counts_; }
  const stats::Histogram& times() const { return times_; }  // microseconds; of all, good ones and bad ones
  const stats::Histogram& good_times() const { return good_times_; }
  const std::map<Reason, std::uint64_t>& reasons() const { return reasons_; }
  const std::vector<Change>& changes() const { return changes_; }
  // Of the requests that began in [from, to), in whole slices.
  Counts Between(TimePoint from, TimePoint to) const;
  std::string Text() const;

 private:
  Counts& SliceOf(TimePoint began);

  TimePoint begin_;
  Counts counts_;
  stats::Histogram times_, good_times_;
  std::map<Reason, std::uint64_t> reasons_;
  std::map<std::uint16_t, std::uint64_t> statuses_;
  std::vector<Counts> slices_;
  std::vector<Change> changes_;
};

}  // namespace weft::simulate
