#pragma once
// The health of one instance of a service port as the process sees it: active checks, passive evidence,
// ejection.
//
//   kHealthy, kDegraded   may be picked; degraded: a successful check slower than maxResponseTime, or so
//   declared kUnhealthy            active checks failed failureThreshold times in a row; back after
//   recoveryThreshold passes.
//                         The first check ever decides alone.
//   kEjected              until `until`; then kProbing
//   kProbing              trial requests only, one at a time; 3 good ones lead back, a bad one ejects for
//   twice as long
//
// Flapping: an instance whose active checks made it change five times within 5 minutes is damped: it stays
// unhealthy for 60 s, 120 s, … 15 min, whatever its checks say then; twice as long each time until it was
// quiet for 15 minutes.
//
// Time alone never brings an ejected instance back, evidence does. Ejection lasts min(base * 2^(m-1), max),
// half of it jittered; m falls by one per 60 s without ejection. Source: resilience.md 4. Thread rule: one
// owner.
//
// Most instances of a large mesh are never heard of: until then one takes 40 bytes.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/policy/policy.h"
#include "common/stats/ring.h"
#include "common/time/time.h"

namespace weft::health {

enum class State : std::uint8_t { kHealthy, kDegraded, kUnhealthy, kEjected, kProbing };

// Attempt outcomes in weighted points (0 to 2).
struct Badness {
  double points = 0, squares = 0;
  std::uint32_t requests = 0;

  Badness& operator+=(const Badness& o) {
    points += o.points, squares += o.squares, requests += o.requests;
    return *this;
  }
  Badness& operator-=(const Badness& o) {
    points -= o.points, squares -= o.squares, requests -= o.requests;
    return *this;
  }
  double mean() const { return requests == 0 ? 0 : points / requests; }
};

// Response times of answers that were no failures, as stats::Log2 of nanoseconds.
struct Speed {
  double logs = 0;
  std::uint32_t answers = 0;

  Speed& operator+=(const Speed& o) {
    logs += o.logs, answers += o.answers;
    return *this;
  }
  Speed& operator-=(const Speed& o) {
    logs -= o.logs, answers -= o.answers;
    return *this;
  }
  double mean() const { return answers == 0 ? 0 : logs / answers; }
};

// What one worker learned since its last report.
struct Evidence {
  Badness badness;
  Speed speed;
  std::uint32_t run = 0;  // failures in a row at the end
  TimePoint run_began;
  std::uint32_t passed_checks = 0, failed_checks = 0, slow_checks = 0;
  std::uint32_t trials_passed = 0, trials_failed = 0;
};

class Instance {
 public:
  Instance(std::uint64_t seed, std::uint64_t hash) : seed_(seed), hash_(hash) {}

  std::uint32_t weight = 1;  // its share of the capacity

  void Learn(std::uint32_t worker, const Evidence& evidence, const policy::HealthCheck& checks,
             const policy::OutlierDetection& policy, TimePoint now);
  void Eject(const char* cause, const policy::OutlierDetection& policy, TimePoint now);
  void Advance(TimePoint now);  // kEjected to kProbing
  // Slower than the others, or not any more. Slow is degraded.
  void Lag(bool lags, TimePoint now);

  State state() const;
  bool available() const { return state() == State::kHealthy || state() == State::kDegraded; }
  TimePoint until() const { return past_ ? past_->until : TimePoint{}; }
  const char* cause() const;
  std::uint32_t run() const;  // over all workers
  TimePoint run_began() const;
  Duration lagging(TimePoint now) const { return lags_ ? now - past_->lags_since : Duration::zero(); }
  bool lags() const { return lags_; }
  bool damped(TimePoint now) const { return past_ && now < past_->damped_until; }
  Speed Quick(TimePoint now) { return past_ ? past_->speed.Total(now) : Speed{}; }        // 10 s
  Badness Recent(TimePoint now) { return past_ ? past_->recent.Total(now) : Badness{}; }  // 10 s
  std::uint64_t hash() const { return hash_; }

 private:
  enum class Passive : std::uint8_t { kIn, kEjected, kProbing };
  struct Run {
    std::uint32_t length = 0;
    TimePoint began;
  };

  void LearnChecks(const Evidence& evidence, const policy::HealthCheck& checks, TimePoint now);
  void Turn(bool unhealthy, TimePoint now);
  void LearnTrials(const Evidence& evidence, const policy::OutlierDetection& policy, TimePoint now);

  static constexpr std::size_t kTurns = 4;
  struct Past {
    std::uint32_t passes = 0, failures = 0;  // of checks, in a row
    std::array<TimePoint, kTurns> turns{};   // the last changes of unhealthy_
    std::size_t turn = 0;
    std::uint32_t dampings = 0;
    TimePoint damped_until, lags_since;
    std::uint32_t trials = 0;     // good ones
    std::uint32_t ejections = 0;  // m
    std::uint32_t times = 0;      // ever; the index of the jitter
    TimePoint until, returned;
    const char* cause = "";
    std::vector<Run> runs;  // by worker
    stats::Ring<Badness, 10> recent{std::chrono::seconds(1)};
    stats::Ring<Speed, 10> speed{std::chrono::seconds(1)};
  };
  Past& past() {
    if (!past_) past_ = std::make_unique<Past>();
    return *past_;
  }

  std::uint64_t seed_, hash_;
  Passive passive_ = Passive::kIn;
  bool checked_ = false, unhealthy_ = false, slow_ = false, flaps_ = false, lags_ = false;
  std::unique_ptr<Past> past_;  // null: nothing happened yet
};

}  // namespace weft::health
