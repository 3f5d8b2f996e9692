#pragma once
// The evidence on which a closed circuit trips: final outcomes in weighted points, in two sliding windows and
// a run.
//
//   slow         10 s: at least minimum_requests, at least failure_threshold points, and while `adaptive` a
//                mean badness of theta, what is not usual for this service (baseline.h; 0.30 to 1.00)
//   fast         1 s: the same counts and a mean badness of 0.60, while `adaptive` at least twice theta
//   consecutive  5 failures of weight >= 1.5 in a row, more where failures are usual, that last 250 ms;
//                150 ms once a time-out or connection failure is among them
//   guard        4xx may be no more than half of the points: one bad client must not open the circuit for all
//
// Source: resilience.md 1.3 to 1.5. Evaluated on each failure. Points and requests are of one generation of
// the circuit: Add with a newer one forgets the older; the baseline stays. Thread rule: one owner.
// 1.5 KB.

#include <cstdint>

#include "agent/breaker/baseline.h"
#include "common/policy/policy.h"
#include "common/stats/ring.h"
#include "common/time/time.h"

namespace weft::breaker {

struct Sums {
  double all = 0, of_4xx = 0;
  std::uint32_t requests = 0;

  double mean() const { return requests == 0 ? 0 : all / requests; }
  Sums& operator+=(const Sums& o) {
    all += o.all, of_4xx += o.of_4xx, requests += o.requests;
    return *this;
  }
  Sums& operator-=(const Sums& o) {
    all -= o.all, of_4xx -= o.of_4xx, requests -= o.requests;
    return *this;
  }
};

// The same with what the baseline needs.
struct Points : Sums {
  Points() = default;
  Points(double points, double points_4xx, std::uint32_t count, double of_squares)
      : Sums{points, points_4xx, count}, squares(of_squares) {}
  double squares = 0;  // of what single requests weigh

  Points& operator+=(const Points& o) {
    Sums::operator+=(o);
    squares += o.squares;
    return *this;
  }
};

enum class Trip : std::uint8_t { kNo, kSlow, kFast, kConsecutive };
const char* ToString(Trip trip);

class Window {
 public:
  // One outcome. `hard`: a time-out or a connection failure.
  void Add(std::uint32_t generation, double points, bool is_4xx, bool hard, TimePoint now);
  // Sums of another worker; they carry no run.
  void AddMany(std::uint32_t generation, const Points& points, TimePoint now);
  Trip Evaluate(const policy::CircuitBreaker& policy, TimePoint now);
  const Sums& Slow(TimePoint now) { return slow_.Total(now); }
  void Clear();
  const Baseline& baseline() const { return baseline_; }
  // Weighted points that open the circuit now.
  double Threshold(const policy::CircuitBreaker& policy, TimePoint now);

 private:
  void Enter(std::uint32_t generation);
  void Take(const Points& points, TimePoint now);

  Baseline baseline_;
  Points second_;  // of the second that is not over
  std::int64_t second_at_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t run_ = 0;
  bool run_hard_ = false;
  TimePoint run_began_, run_last_;
  stats::Ring<Sums, 20> slow_{std::chrono::milliseconds(500)};
  stats::Ring<Sums, 10> fast_{std::chrono::milliseconds(100)};
};

}  // namespace weft::breaker
