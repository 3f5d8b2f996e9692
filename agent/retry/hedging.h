#pragma once
// When a request that is slow gets a second attempt at another instance beside the first one, and when that
// is not worth it. Hedged requests: Dean and Barroso, The Tail at Scale, CACM 56(2), 2013; a budget without a
// floor: Finagle's BackupRequestFilter; what switches it off: resilience.md 5.5.
//
//   delay   what all first attempts of the last 15 to 30 s but four fifths of budgetPercent took at most
//   (p98.4
//           at 2 %, p96 at 5 %), found anew every 3 s, at least minDelay; none before 100 of them. A lower
//           quantile would want more second attempts than the budget pays for, and chance would choose.
//   budget  budgetPercent of a token per original request, at most 10 per process, none to begin with; and a
//           token of the retry budget, so that both together stay within that
//   off     while the circuit is not closed, a breach is foreseen and acted on, more than 10 % of the
//   requests
//           of the last 10 s were retried, or the answers say that the instances are above 70 % of what they
//           serve at once (average, 1/64 each): more load would then make all of them slower
//
// An attempt that was outrun counts with the time that it had, which is longer than the delay: hedging does
// not hide the tail from itself. Tokens are integers in millionths. 5.7 KB. Thread rule: one worker.

#include <array>
#include <cstdint>

#include "agent/retry/budget.h"
#include "common/policy/policy.h"
#include "common/stats/histogram.h"
#include "common/stats/ring.h"
#include "common/time/time.h"

namespace weft::retry {

class Hedging {
 public:
  explicit Hedging(std::uint32_t workers) : workers_(workers) {}

  void Asked(const policy::Hedging& policy, TimePoint now);  // an original request
  void Retried(TimePoint now) { recent_.Add(now, {0, 1}); }
  void Observe(Duration took, TimePoint now);  // of a first attempt
  // An answer says how many requests its instance has, and how many it serves at once; `limit` zero: unknown.
  void Heard(std::uint32_t in_flight, std::uint32_t limit);

  // Of the first attempt, until there is a second; zero: none yet.
  Duration Delay(const policy::Hedging& policy, TimePoint now);

  struct Situation {
    bool closed = true;  // the circuit
    bool foreseen = false;
    bool other_hosts = true;
  };
  // Whether to send it now; takes its tokens. Else static text for the record.
  struct Verdict {
    bool send = false;
    const char* why = "";
  };
  Verdict Decide(const Situation& s, const policy::Retry& retry, Budget& budget, TimePoint now);

  double utilization() const { return utilization_; }  // 0 to 1; zero: nobody says

 private:
  struct Counts {
    std::uint32_t requests = 0, retries = 0;
    Counts& operator+=(const Counts& o) { return requests += o.requests, retries += o.retries, *this; }
    Counts& operator-=(const Counts& o) { return requests -= o.requests, retries -= o.retries, *this; }
  };
  void Find(const policy::Hedging& policy);

  std::uint32_t workers_;
  std::int64_t tokens_ = 0;
  double utilization_ = 0;
  stats::Ring<Counts, 10> recent_{std::chrono::seconds(1)};
  std::array<stats::Histogram, 2> times_;  // microseconds: of this quarter of a minute, and of the one before
  TimePoint turned_, found_;
  Duration delay_ = Duration::zero();
};

}  // namespace weft::retry
