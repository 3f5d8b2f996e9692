#include "agent/loop/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "agent/loop/calls.h"

namespace weft::loop {

constexpr std::size_t kMostTimers = 64;  // of one turn: what they answer leaves before the next

// The events of the turn that is running.
struct EventLoop::Batch {
  std::array<epoll_event, 256> events;
  int count = 0;
};

EventLoop::EventLoop(TimePoint (*clock)())
    : clock_(clock), epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (epoll_ < 0 || wake_ < 0) throw std::system_error(errno, std::generic_category(), "event loop");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  now_ = clock_();
}

EventLoop::~EventLoop() {
  RunLater();
  close(wake_);
  close(epoll_);
}

Status EventLoop::Watch(int fd, Handler& handler) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &handler;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return Error{ErrorKind::kInternal, std::string("epoll_ctl: ") + std::strerror(errno), {}, {}};
}

void EventLoop::Forget(int fd, Handler& handler) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  if (current_ == nullptr) return;
  for (int i = 0; i < current_->count; ++i) {
    epoll_event& event = current_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handler) event.data.ptr = nullptr;
  }
}

void EventLoop::Post(std::function<void()> function) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(function));
  }
  eventfd_write(wake_, 1);
}

void EventLoop::Stop() {
  stop_.store(true, std::memory_order_release);
  eventfd_write(wake_, 1);
}

void EventLoop::Run() {
  while (!stop_.load(std::memory_order_acquire)) RunOnce(std::chrono::hours(1));
  RunPosted();
  RunLater();
}

void EventLoop::RunOnce(Duration most) {
  Batch batch;
  Duration wait = most;
  const TimePoint next = timers_.Next();
  if (next != TimePoint::max()) wait = std::clamp(next - now_, Duration::zero(), most);
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  batch.count = WaitForEvents(epoll_, batch.events.data(), static_cast<int>(batch.events.size()),
                              static_cast<int>(whole));
  now_ = clock_();
  current_ = &batch;
  bool woken = false;
  for (int i = 0; i < batch.count; ++i) {
    const epoll_event event = batch.events[static_cast<std::size_t>(i)];
    auto* handler = static_cast<Handler*>(event.data.ptr);
    if (handler == nullptr) {
      woken = true;  // the eventfd, or a handler that was forgotten in this turn
      continue;
    }
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    hangup_ = broken || (event.events & EPOLLRDHUP) != 0;
    handler->OnReady(broken || (event.events & (EPOLLIN | EPOLLRDHUP)) != 0,
                     broken || (event.events & EPOLLOUT) != 0);
  }
  current_ = nullptr;
  hangup_ = false;
  timers_.Run(now_, kMostTimers);
  if (woken) RunPosted();
  RunLater();
}

void EventLoop::RunPosted() {
  eventfd_t ignored;
  eventfd_read(wake_, &ignored);
  std::vector<std::function<void()>> functions;
  {
    const std::lock_guard lock(mutex_);
    functions.swap(posted_);
  }
  for (const std::function<void()>& function : functions) function();
}

void EventLoop::RunLater() {
  while (!later_.empty()) {
    running_.swap(later_);
    for (const Deferred& deferred : running_) deferred.function(deferred.context);
    running_.clear();
  }
}

}  // namespace weft::loop
