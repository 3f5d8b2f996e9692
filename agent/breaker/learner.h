#pragma once
// A logistic model of breaches, trained online, in shadow: it is counted and acts on nothing.
//
//   p       1 / (1 + exp(-(bias + sum w_i x_i)))
//   x       z of log latency, log requests in flight, root of badness and of connections lost, each over 3;
//           10 s slopes of the first two; their CUSUMs over 10; log(latency / limit) and log(latency in 10 s
//           by Holt / limit), within -5 and 5
//   label   a breach within 15 s, so each second is learned from 15 s later; not while one goes on
//   step    AdaGrad: g = (p - label) * (5 for a breach, else 1); w -= 0.1 g x / root of the sum of (g x)^2;
//           L2 1e-4; |w| <= 5. Weights belong to the worker and learn from all its services, the bias to each
//   alarm   p > 0.7 in two looks in a row; what became of it: ledger.h
//
// Source: resilience.md 2.3 (Duchi et al., JMLR 12, 2011). Sums are of doubles and exp is libm's, which
// differs between binaries: nothing that is recorded may depend on it. 1.6 KB per service. Thread rule: one
// owner.

#include <array>
#include <cstdint>

#include "agent/breaker/ledger.h"

namespace weft::breaker {

inline constexpr std::size_t kFeatures = 10;
using Features = std::array<double, kFeatures>;

class Learner {
 public:
  double Probability(const Features& x, double bias) const;
  struct Bias {
    double value = -3, squares = 0;
  };
  void Learn(const Features& x, Bias& bias, bool breach);
  const Features& weights() const { return weights_; }

 private:
  Features weights_{}, squares_{};
};

// One service's seconds.
class Pupil {
 public:
  // Once a second. `ready`: there is enough traffic for the features to say something.
  Foresight Look(Learner& model, const Features& x, bool ready, bool breach, TimePoint now);
  double probability() const { return probability_; }
  Duration lead() const { return ledger_.lead(); }

 private:
  struct Second {
    Features x;
    TimePoint at;
  };
  void LearnFromOld(Learner& model, TimePoint now);

  std::array<Second, 16> seconds_{};
  std::size_t first_ = 0, count_ = 0;
  TimePoint breached_;
  Learner::Bias bias_;
  double probability_ = 0;
  std::uint32_t above_ = 0;  // looks in a row
  Ledger ledger_;
};

}  // namespace weft::breaker
