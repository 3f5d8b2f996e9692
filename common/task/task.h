#pragma once
// Work off the data path, over Boost.Asio: a group of coroutines that can be cancelled and waited for,
// periodic work, and the process's signals. `detached` appears in this folder only. Thread rule: everything
// runs on the io_context's threads; TaskGroup wants one thread or a strand.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/time/time.h"

namespace weft::task {

// Owns every coroutine spawned in it. Destroying the group cancels what still runs.
class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // An exception that leaves the coroutine goes to `on_failure` (none: ignored, as cancellation is one).
  void Spawn(boost::asio::awaitable<void> task, std::function<void(const std::exception&)> on_failure = {});
  void Cancel();                        // asks each; returns at once
  boost::asio::awaitable<void> Wait();  // until none is left
  std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Runs `work` every `interval`, the first time after one, until destroyed. A slow run delays the next.
class Periodic {
 public:
  Periodic(boost::asio::io_context& context, Duration interval, std::function<void()> work);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// SIGTERM or SIGINT: `stop` once; a second one ends the process at once with 128 + its number. SIGHUP:
// `reload`. SIGPIPE is ignored from construction on. One per process.
class Signals {
 public:
  Signals(boost::asio::io_context& context, std::function<void()> stop, std::function<void()> reload);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::task
