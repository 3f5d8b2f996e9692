#pragma once
// Virtual time: a heap of events keyed (time, sequence), so that what is due at the same moment happens in
// the order in which it was asked for, in every run. Nothing is ever taken out before it is due: an actor
// whose plans changed recognises an old event by its item and ignores it. No allocation once the heap has
// grown. Thread rule: one thread.

#include <cstdint>
#include <vector>

#include "common/time/time.h"

namespace weft::simulate {

class Actor {
 public:
  // `what` and `item` are as given to Events::At.
  virtual void On(std::uint32_t what, std::uint64_t item) = 0;

 protected:
  ~Actor() = default;
};

class Events {
 public:
  explicit Events(TimePoint begin) : now_(begin) {}

  TimePoint now() const { return now_; }
  std::uint64_t handled() const { return handled_; }
  void At(TimePoint at, Actor& who, std::uint32_t what, std::uint64_t item);
  // Makes everything happen that is due before `end`, which is the time afterwards.
  void RunUntil(TimePoint end);

 private:
  struct Event {
    TimePoint at;
    std::uint64_t order;
    Actor* who;
    std::uint64_t item;
    std::uint32_t what;
    bool Before(const Event& o) const { return at != o.at ? at < o.at : order < o.order; }
  };
  Event Take();

  TimePoint now_;
  std::uint64_t order_ = 0, handled_ = 0;
  std::vector<Event> heap_;  // of four children each
};

}  // namespace weft::simulate
