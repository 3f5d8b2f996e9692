#pragma once
// Who is still to be told of a release that does not concern it: some at a time, so that a release costs the
// same whatever the number of agents. Thread rule: any thread; one lock.

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "common/time/time.h"

namespace weft::stream {

// Up to so many agents are all told at once of a release; of more, those whom it does not concern are told by
// and by: kSweepAgents or a share of 1/kSweepShare of all, every kSweep.
inline constexpr std::size_t kAllAtOnce = 256;
inline constexpr Duration kSweep = std::chrono::milliseconds(50);
inline constexpr std::size_t kSweepAgents = 50, kSweepShare = 200;

class Sweep {
 public:
  using Tickets = std::vector<std::uint64_t>;

  // A release came: those who are connected now are to be told; while others still are, these come after.
  void Begin(const std::function<Tickets()>& everybody);
  // Those whose turn it is; `agents`: connected in all.
  Tickets Take(std::size_t agents, TimePoint now, const std::function<Tickets()>& everybody);
  std::optional<TimePoint> due() const;  // nobody is left: none

 private:
  mutable std::mutex mutex_;  // guards all below
  Tickets left_;
  bool again_ = false;
  TimePoint taken_at_;
};

}  // namespace weft::stream
