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
// A breach is a mean latency above half the limit, or badness of 0.60. What became of predictions: ledger.h.
// Nothing is predicted in the first 60 looks, nor from fewer than 20 requests a second. Sudden crashes have
// no precursor and are always missed.
//
// Source: resilience.md 2.3, 2.4 (Page 1954, Holt 1957). 500 B. Thread rule: one owner.

#include <array>
#include <cstdint>

#include "agent/breaker/learner.h"
#include "common/time/time.h"

namespace weft::breaker {

// What one second was like.
struct Pulse {
  std::uint32_t requests = 0;  // that ended
  double latency = 0;          // ns, the sum of them
  double points = 0;           // weighted
  std::uint32_t lost = 0;      // connections refused or reset, time-outs
};

class Predictor {
 public:
  // Once a second with traffic. `limit`: what an attempt may take.
  Foresight Look(const Pulse& pulse, std::uint32_t in_flight, Duration limit, TimePoint now);

  double risk() const { return ledger_.active() ? risk_ : 0; }  // 0 to 1
  bool held_out() const { return ledger_.held_out(); }          // of the current prediction
  Duration lead() const { return ledger_.lead(); }              // of the last hit
  // Of the last look, for another model.
  const Features& features() const { return features_; }
  bool ready() const { return ready_; }
  bool breach() const { return breach_; }

 private:
  class Cusum {
   public:
    bool Add(double x, double least_deviation);  // true: in alarm
    double z() const { return z_; }              // of the last one
    double sum() const { return sum_; }

   private:
    double mean_ = 0, variance_ = 0, sum_ = 0, z_ = 0;
    std::uint32_t seen_ = 0;
  };

  // Its rise over the last ten.
  class Slope {
   public:
    double Add(double x);

   private:
    std::array<double, 10> last_{};
    std::uint32_t seen_ = 0;
  };

  double TimeToBreach(double latency, double limit);  // seconds
  void Describe(double log_latency, double log_in_flight, double log_limit);

  std::array<Cusum, 4> cusums_;
  std::array<Slope, 2> slopes_;
  Features features_{};
  double level_ = 0, slope_ = 0;
  std::uint32_t looks_ = 0;
  bool ready_ = false, breach_ = false;
  double risk_ = 0;
  Ledger ledger_;
};

}  // namespace weft::breaker
