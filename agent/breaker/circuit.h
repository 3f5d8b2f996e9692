#pragma once
// The circuit of one service port, shared by all workers and exact: two atomic words.
//
//   kClosed    requests flow
//   kOpen      requests are refused until the deadline, but for a scout every second: it would have been
//              refused, so it costs nobody anything. After a good one the next goes 250 ms later, and when
//              two in a row are good kHalfOpen begins at once.
//              Without scouts a service that came back after a long outage would wait for up to a minute
//              more. None while `open_duration` is fixed
//   kHalfOpen  halfOpenMaxCalls permits; their results decide
//   kRecovering  a ramp after they were good: of the requests of each second 10, 25, 50 % flow, and at least
//                three, then it is closed; what would trip a closed circuit opens it again
//
// Every transition raises the generation. A permit carries the generation it was given in, and a result of
// another generation changes nothing: a straggler from before an opening neither closes nor reopens. A permit
// whose request was not sent is returned and can be given again. The first request past the deadline moves
// kOpen to kHalfOpen; no timer is needed. Half-open permits whose results stay out for max(2 attempt
// timeouts, 5 s) count as time-outs. Open lasts `open_duration` when the policy fixes it, else
// min(open_duration, 5 s * 2^(k-1)), half of it jittered; k falls by one per 60 s spent closed. Source:
// resilience.md 1.6 (Finagle's equal jitter, Envoy's decrement). A healthy request costs one load. Thread
// rule: any thread.

#include <atomic>
#include <cstdint>

#include "common/policy/policy.h"
#include "common/time/time.h"

namespace weft::breaker {

enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen, kRecovering };
const char* ToString(State state);  // "closed", "open", "half_open", "recovering"

// What Admit gave: zero means refused. Opaque; fits Call::breaker_permit.
using Permit = std::uint64_t;

// `retry_after` of a refusal says when the circuit asks again.
struct Admission {
  Permit permit = 0;
  State state = State::kClosed;
  Duration retry_after = Duration::zero();
};

enum class Change : std::uint8_t { kNone, kOpened, kHalfOpened, kRecovering, kClosed };

struct Counts {  // transitions into each state since the start; exact
  std::uint64_t closed = 0, opened = 0, half_opened = 0, recovering = 0;
};

struct View {
  State state = State::kClosed;
  std::uint32_t generation = 0;
  std::uint32_t openings = 0;  // k
  TimePoint deadline;          // of kOpen and kHalfOpen; of the others: since when
};

class Circuit {
 public:
  // `stream` keys the jitter: a hash of the service port.
  Circuit(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  Admission Admit(const policy::CircuitBreaker& policy, Duration attempt_timeout, TimePoint now);
  // A final outcome of weight `points` (zero: good). Only results of half-open permits can change the state.
  Change Record(Permit permit, double points, const policy::CircuitBreaker& policy, TimePoint now);
  // The request was never sent, or its outcome says nothing.
  void Return(Permit permit);
  // kClosed or kRecovering -> kOpen if the circuit is still in the generation the evidence was gathered in.
  bool Trip(std::uint32_t generation, const policy::CircuitBreaker& policy, TimePoint now);

  View Look() const;
  // Of requests that flow; zero: the state is not kRecovering.
  std::uint32_t RampPercent(TimePoint now) const;
  Counts counts() const;
  std::uint32_t generation() const;
  static std::uint32_t GenerationOf(Permit permit);

 private:
  Change Move(std::uint64_t from, State to, std::uint32_t openings, TimePoint deadline);
  Change Reopen(std::uint64_t from, const policy::CircuitBreaker& policy, TimePoint now);
  bool OnRamp(std::uint32_t generation, std::uint32_t step);
  bool TryScout(std::uint32_t generation, TimePoint now);
  bool ScoutsAgree(std::uint32_t generation, bool good, TimePoint now);
  Permit TryTrial(std::uint32_t generation, std::uint32_t most);
  Duration OpenFor(std::uint32_t openings, std::uint32_t generation,
                   const policy::CircuitBreaker& policy) const;

  const std::uint64_t seed_, stream_;
  alignas(64) std::atomic<std::uint64_t> word_{0};  // [state:3][k:4][generation:17][deadline in ms:40]
  std::atomic<std::uint64_t> moved_[4] = {};        // by new state
  std::atomic<std::uint64_t> trial_{0};             // [generation:17][given:11][done:11][points * 64: 25]
  // [generation:17], and of kRecovering [step:2][asked:45], of kOpen [the last scout was good:1][when the
  // next may go, in ms:46]
  std::atomic<std::uint64_t> ramp_{0};
};

}  // namespace weft::breaker
