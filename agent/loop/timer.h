#pragma once
// A one-shot timer that its owner embeds. Setting a set timer moves it; destroying it cancels it. Moving it
// to a later time touches no heap until the earlier time comes, so an idle timeout renewed by each request
// costs a store. Thread rule: the loop's thread.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/time/time.h"

namespace weft::loop {

class TimerHeap;

class Timer {
 public:
  using Callback = void (*)(void* context, TimePoint now);
  Timer() = default;
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Bind(TimerHeap& heap, Callback callback, void* context);  // once, before Set
  void Set(TimePoint at);
  void Cancel() { due_ = TimePoint::max(); }
  bool armed() const { return due_ != TimePoint::max(); }
  TimePoint due() const { return due_; }

 private:
  friend class TimerHeap;
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  TimerHeap* heap_ = nullptr;
  Callback callback_ = nullptr;
  void* context_ = nullptr;
  TimePoint due_ = TimePoint::max();
  TimePoint key_ = TimePoint::max();  // place in the heap: never later than due_
  std::size_t position_ = kNowhere;
};

// A binary heap of embedded timers.
class TimerHeap {
 public:
  // Runs what is due, `most` of it at once: the rest is still due. Callbacks may set, cancel and destroy
  // timers.
  void Run(TimePoint now, std::size_t most = static_cast<std::size_t>(-1));
  // When to wake for the next; max() when none. May be early.
  TimePoint Next() const { return heap_.empty() ? TimePoint::max() : heap_.front()->key_; }

 private:
  friend class Timer;
  void Insert(Timer& timer);
  void Remove(Timer& timer);
  void Up(std::size_t i);
  void Down(std::size_t i);
  void Put(std::size_t i, Timer* timer);
  std::vector<Timer*> heap_;
};

}  // namespace weft::loop
