#include "common/task/task.h"

#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <list>

namespace weft::task {
namespace asio = boost::asio;

struct TaskGroup::State {
  explicit State(asio::any_io_executor on) : executor(std::move(on)), empty(executor) {
    empty.expires_at(asio::steady_timer::time_point::max());
  }
  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> running;
  asio::steady_timer empty;  // never expires; cancelled when the last task ends
};

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
TaskGroup::~TaskGroup() { Cancel(); }

void TaskGroup::Spawn(asio::awaitable<void> task, std::function<void(const std::exception&)> on_failure) {
  const auto slot = state_->running.emplace(state_->running.end());
  auto ended = [state = state_, slot, on_failure = std::move(on_failure)](const std::exception_ptr& failure) {
    state->running.erase(slot);
    if (state->running.empty()) state->empty.cancel();
    if (!failure || !on_failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      on_failure(error);
    }
  };
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(slot->slot(), std::move(ended)));
}

void TaskGroup::Cancel() {
  for (auto next = state_->running.begin(); next != state_->running.end();) {
    auto& signal = *next++;  // a task that ends at once erases itself
    signal.emit(asio::cancellation_type::all);
  }
}

asio::awaitable<void> TaskGroup::Wait() {
  const auto state = state_;
  while (!state->running.empty()) {
    boost::system::error_code cancelled;
    co_await state->empty.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

std::size_t TaskGroup::size() const { return state_->running.size(); }

struct Periodic::State : std::enable_shared_from_this<Periodic::State> {
  State(asio::io_context& context, Duration every, std::function<void()> run)
      : timer(context),
        interval(std::chrono::duration_cast<asio::steady_timer::duration>(every)),
        work(std::move(run)) {}

  void Arm() {
    timer.expires_after(interval);
    timer.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || !self || self->over) return;
      self->work();
      if (!self->over) self->Arm();
    });
  }

  asio::steady_timer timer;
  asio::steady_timer::duration interval;
  std::function<void()> work;
  std::atomic<bool> over{false};
};

Periodic::Periodic(asio::io_context& context, Duration interval, std::function<void()> work)
    : state_(std::make_shared<State>(context, interval, std::move(work))) {
  state_->Arm();
}

Periodic::~Periodic() {
  state_->over = true;
  asio::post(state_->timer.get_executor(), [state = state_] { state->timer.cancel(); });
}

struct Signals::State : std::enable_shared_from_this<Signals::State> {
  State(asio::io_context& context, std::function<void()> on_stop, std::function<void()> on_reload)
      : signals(context, SIGTERM, SIGINT, SIGHUP), stop(std::move(on_stop)), reload(std::move(on_reload)) {}

  void Wait() {
    signals.async_wait([weak = weak_from_this()](boost::system::error_code error, int number) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->Take(number);
      self->Wait();
    });
  }

  void Take(int number) {
    if (number == SIGHUP) return reload();
    if (stopped) _exit(128 + number);
    stopped = true;
    stop();
  }

  asio::signal_set signals;
  std::function<void()> stop, reload;
  bool stopped = false;
};

Signals::Signals(asio::io_context& context, std::function<void()> stop, std::function<void()> reload)
    : state_(std::make_shared<State>(context, std::move(stop), std::move(reload))) {
  std::signal(SIGPIPE, SIG_IGN);
  state_->Wait();
}

Signals::~Signals() {
  boost::system::error_code ignored;
  state_->signals.cancel(ignored);
}

}  // namespace weft::task
