#pragma once
// Tells streams that there may be something for them: threads of its own, so that a writer does not wait for
// ten thousand streams, and urgent ones (an instance that is gone) overtake the rest. Thread rule: any
// thread.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/result/result.h"

namespace weft::stream {

// One stream's writing end. Kick: there may be a message, ask Next. Close: end the stream with this error.
// Abort: end it without waiting for what is under way.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void Kick() = 0;
  virtual void Close(const Error& error) = 0;
  virtual void Abort() = 0;
};
using Outlets = std::vector<std::shared_ptr<Outlet>>;

class FanOut {
 public:
  FanOut() = default;
  ~FanOut() { Stop(); }
  FanOut(const FanOut&) = delete;
  FanOut& operator=(const FanOut&) = delete;

  void Start();  // one thread per processor that it may use, four at most
  void Stop();
  // Kicks each of them: in the caller's thread while there are no others.
  void Post(Outlets outlets, bool urgent);

 private:
  void Run();
  bool Take(Outlets& batch);  // waits; false: it is over

  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false;
  std::deque<Outlets> urgent_, ordinary_;
  std::vector<std::thread> threads_;
};

}  // namespace weft::stream
