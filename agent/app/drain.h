#pragma once
// The drain of inbound traffic as one state machine: serving -> draining -> drained. Three triggers (the
// admin page that `weft-agent drain` calls, a command of the control plane, SIGTERM) begin it, further ones
// change nothing. SIGTERM also asks for the end of the process, which comes when the drain is over. Pure:
// time comes in. Thread rule: one thread.

#include <algorithm>
#include <cstddef>

#include "common/time/time.h"

namespace weft::app {

class Drain {
 public:
  enum class State { kServing, kDraining, kDrained };

  // True: this call began it. A shorter `most` of a later trigger counts.
  bool Begin(Duration most, TimePoint now) {
    const TimePoint end = now + most;
    end_ = state_ == State::kServing ? end : std::min(end_, end);
    if (state_ != State::kServing) return false;
    state_ = State::kDraining;
    quiet_since_ = now;
    return true;
  }

  // `requests`: in progress. Drained once there was none for kQuiet, or the deadline passed. True: now
  // drained.
  bool Look(std::size_t requests, TimePoint now) {
    if (state_ != State::kDraining) return false;
    if (requests > 0) quiet_since_ = now;
    if (now - quiet_since_ < kQuiet && now < end_) return false;
    state_ = State::kDrained;
    return true;
  }

  State state() const { return state_; }
  static constexpr Duration kQuiet = std::chrono::milliseconds(300);  // looks are 100 ms old

 private:
  State state_ = State::kServing;
  TimePoint end_, quiet_since_;
};

}  // namespace weft::app
