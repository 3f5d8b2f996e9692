#pragma once
// One worker's event loop: edge-triggered epoll, timers, posted functions.
//
// Why not Asio here: a proxy on a bare epoll loop costs 1,600 user instructions and 5.4 syscalls per request
// where tuned Asio callbacks take 2,300 to 2,700 and 6.2, because Asio reads once more than there is data and
// passes finished writes through its queue (docs/decisions.md). Asio serves everything off the request path.
//
// Thread rule: everything belongs to the thread that calls Run, except Post and Stop, which any thread may
// call.

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "agent/loop/timer.h"
#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::loop {

// Owner of a file descriptor. Edge triggered: read until a short read (see hangup), write until refused.
class Handler {
 public:
  virtual void OnReady(bool readable, bool writable) = 0;  // an error or hang-up is both

 protected:
  ~Handler() = default;
};

class EventLoop {
 public:
  // `clock` is read once in a turn. Throws std::system_error when the kernel refuses.
  explicit EventLoop(TimePoint (*clock)() = ReadMonotonicClock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Registers once for reading and writing; the first OnReady comes with the next turn.
  Status Watch(int fd, Handler& handler);
  // Before close(fd). The handler hears nothing more, not even what this turn has already collected.
  void Forget(int fd, Handler& handler);

  // During OnReady: the peer closed its direction or the socket broke. No further event may come for it, so
  // read until the end or the error shows, also after a short read.
  bool hangup() const { return hangup_; }

  TimePoint now() const { return now_; }  // of this turn
  TimerHeap& timers() { return timers_; }

  // Runs at the end of this turn, in order; to destroy what is still on the stack. Allocates nothing when
  // warm.
  void Later(void (*function)(void*), void* context) { later_.push_back({function, context}); }

  void Post(std::function<void()> function);  // any thread; wakes the loop
  void Run();                                 // until Stop
  void RunOnce(Duration most);                // one turn; waits at most `most`
  void Stop();                                // any thread; what was posted before it still runs

 private:
  void RunPosted();
  void RunLater();

  TimePoint (*clock_)();
  int epoll_ = -1;
  int wake_ = -1;
  TimePoint now_;
  bool hangup_ = false;
  TimerHeap timers_;
  struct Deferred {
    void (*function)(void*);
    void* context;
  };
  std::vector<Deferred> later_, running_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  std::atomic<bool> stop_{false};
  struct Batch;
  Batch* current_ = nullptr;
};

}  // namespace weft::loop
