#pragma once
// Who decides for one client: the real decision core (agent.h), or whatever is compared with it. The world
// asks in the order of a request: Start, (Pick, Ended)*, Finish exactly once; Tick every 100 ms. Thread rule:
// one thread.

#include <cstdint>

#include "agent/engine/call.h"
#include "common/message/head.h"
#include "common/reason/reason.h"
#include "common/time/time.h"

namespace weft::simulate {

inline constexpr std::uint32_t kNobody = ~std::uint32_t{0};

// One request of a client, on its way.
struct Flight {
  std::uint64_t number = 0;  // in this world, from 0; keys its draws
  std::uint32_t index = 0;   // place in the world's list; small, used again
  std::uint32_t client = 0;
  TimePoint began;
  message::Method method = message::Method::kGet;
  std::uint64_t key = 0;  // what it asks for

  std::uint32_t serial = 0;    // of its events; older ones are void
  std::uint32_t attempts = 0;  // so far
  std::uint32_t server = kNobody, place = 0;
  TimePoint sent;  // the current attempt
  engine::AttemptResult result;
  bool first_failed = false, retried = false;
  bool awaits_head = false;  // HeadTimeout is what will be up first
};

// What governs a request.
struct Terms {
  Reason refused = Reason::kOk;  // kOk: it may go
  Deadline deadline;
  Duration attempt_timeout = Duration::zero();  // zero: none
  Duration connect_timeout = std::chrono::seconds(1);
};

struct Repeat {
  bool retry = false;
  Duration delay = Duration::zero();
};

class Decider {
 public:
  virtual ~Decider() = default;
  virtual Terms Start(const Flight& flight, TimePoint now) = 0;
  // A server's index, or kNobody and why.
  virtual std::uint32_t Pick(const Flight& flight, TimePoint now, Reason& why) = 0;
  // Of the attempt that was just picked: until its answer begins, beside Terms::attempt_timeout. Zero: none.
  virtual Duration HeadTimeout(const Flight&) const { return Duration::zero(); }
  // `flight.result` of `flight.server`.
  virtual Repeat Ended(const Flight& flight, TimePoint now) = 0;
  virtual void Finish(const Flight& flight, Reason reason, std::uint16_t status, TimePoint now) = 0;
  virtual void Tick(TimePoint) {}
};

}  // namespace weft::simulate
