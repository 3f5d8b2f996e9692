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

// One attempt of a request.
struct Leg {
  std::uint32_t serial = 0;  // of its events; older ones are void. Of a second attempt zero: there is none
  std::uint32_t server = kNobody, place = kNobody;
  TimePoint sent;
  engine::AttemptResult result;
  bool awaits_head = false;  // HeadTimeout is what will be up first
};

// One request of a client, on its way, with its current attempt.
struct Flight : Leg {
  std::uint64_t number = 0;  // in this world, from 0; keys its draws
  std::uint32_t index = 0;   // place in the world's list; small, used again
  std::uint32_t client = 0;
  TimePoint began;
  message::Method method = message::Method::kGet;
  std::uint64_t key = 0;  // what it asks for

  std::uint32_t attempts = 0;  // so far
  Leg second;                  // the attempt beside the current one
  bool alone = false;          // which goes on, and the current one has failed
  bool first_failed = false, retried = false;
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
  // Of the attempt that was just picked: when to ask for one beside it. Zero: never.
  virtual Duration SecondAfter(const Flight&) const { return Duration::zero(); }
  // Another server, or kNobody.
  virtual std::uint32_t PickSecond(const Flight&, TimePoint) { return kNobody; }
  // `flight.second.result`, while the first goes on. When the first ends before, the second takes its place.
  virtual void SecondEnded(const Flight&, TimePoint) {}
  // Whether it is what the client gets, as long as another attempt is under way.
  virtual bool IsAnswer(const Flight&, const engine::AttemptResult& result) const {
    return result.outcome == engine::Outcome::kResponse;
  }
  // `flight.result` of `flight.server`.
  virtual Repeat Ended(const Flight& flight, TimePoint now) = 0;
  virtual void Finish(const Flight& flight, Reason reason, std::uint16_t status, TimePoint now) = 0;
  virtual void Tick(TimePoint) {}
};

}  // namespace weft::simulate
