#pragma once
// Whether a service is on its way to a breach, from one look a second: latency that will reach half of what
// an attempt may take. What is only unusual (a deploy that makes everything 1.5 times as slow) alarms nobody.
//
//   Holt       level and slope of the mean latency, alpha 0.3, beta 0.2; time to breach
//              (0.5 * limit - level) / slope
//   CUSUM      S = max(0, S + z - 1) of log latency, log requests in flight, root of the badness, root of the
//              connections lost; z standardised by mean and variance over 300 s, which stand still while
//              S > 3; alarm above h / 2 = 3
//   suspicion  time to breach <= 10 s, and two of the four CUSUMs in alarm
//   risk       clamp(1 - time to breach / 10 s, 0.1, 1)
//
// A breach is a mean latency above half the limit, or badness of 0.60. It confirms the prediction before it
// (hit; the time between is the lead) or shows that there was none (missed); it is over after 10 s without. A
// prediction that nothing confirms for 30 s was false; then there is none for 5 minutes, twice as long each
// time, up to an hour. Every 20th is held out: it is counted, not acted on, so that precision stays
// measurable where acting prevents the breach. Nothing is predicted in the first 60 looks, nor from fewer
// than 20 requests a second. Sudden crashes have no precursor and are always missed.
//
// Source: resilience.md 2.3, 2.4 (Page 1954, Holt 1957). 300 B. Thread rule: one owner.

#include <array>
#include <cstdint>

#include "common/time/time.h"

namespace weft::breaker {

// What one second was like.
struct Pulse {
  std::uint32_t requests = 0;  // that ended
  double latency = 0;          // ns, the sum of them
  double points = 0;           // weighted
  std::uint32_t lost = 0;      // connections refused or reset, time-outs
};

enum class Foresight : std::uint8_t { kNothing, kRaised, kHit, kFalse, kMissed };

class Predictor {
 public:
  // Once a second with traffic. `limit`: what an attempt may take.
  Foresight Look(const Pulse& pulse, std::uint32_t in_flight, Duration limit, TimePoint now);

  double risk() const { return active_ ? risk_ : 0; }  // 0 to 1
  bool held_out() const { return raised_ % 20 == 0; }  // of the current prediction
  Duration lead() const { return lead_; }              // of the last hit

 private:
  class Cusum {
   public:
    bool Add(double x, double least_deviation);  // true: in alarm
   private:
    double mean_ = 0, variance_ = 0, sum_ = 0;
    std::uint32_t seen_ = 0;
  };

  double TimeToBreach(double latency, double limit);  // seconds
  Foresight Settle(bool breach, bool suspicion, double time_to_breach, TimePoint now);

  std::array<Cusum, 4> cusums_;
  double level_ = 0, slope_ = 0;
  std::uint32_t looks_ = 0;
  bool active_ = false;
  double risk_ = 0;
  std::uint64_t raised_ = 0;
  TimePoint raised_at_, suspected_, silent_until_, breached_;  // breached_: when it last was
  Duration lead_ = Duration::zero(), silence_ = std::chrono::minutes(5);
};

}  // namespace weft::breaker
