#pragma once
// The last things that happened, for those who watch: a bounded ring with numbers that only grow. Nobody is
// waited for: a reader that was overtaken is told so. Thread rule: any thread. Wakers are called without the
// feed's lock, each under its own; they must not call the feed.

#include <algorithm>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "common/result/result.h"

namespace weft::api {

template <class T>
class Feed {
  struct Waker {
    std::recursive_mutex mutex;
    std::function<void()> call;
  };

 public:
  static constexpr std::size_t kMostReaders = 512;

  explicit Feed(std::size_t most) : most_(most) {}

  void Append(std::vector<T> things) {
    {
      const std::lock_guard lock(mutex_);
      for (T& thing : things) kept_.push_back(std::move(thing));
      while (kept_.size() > most_) kept_.pop_front(), ++first_;
    }
    Wake();
  }

  // All readers' wakers: so that they look at the time, too.
  void Wake() {
    std::vector<std::shared_ptr<Waker>> wakers;
    {
      const std::lock_guard lock(mutex_);
      wakers.assign(wakers_.begin(), wakers_.end());
    }
    for (const auto& waker : wakers) {
      const std::lock_guard lock(waker->mutex);
      if (waker->call) waker->call();
    }
  }

  void Close() {  // every reader ends
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    Wake();
  }

  std::uint64_t end() const {  // the number that the next thing gets
    const std::lock_guard lock(mutex_);
    return first_ + kept_.size();
  }
  std::uint64_t first() const {
    const std::lock_guard lock(mutex_);
    return first_;
  }
  // The number of the first kept thing for which `after` holds; end() when there is none.
  template <class After>
  std::uint64_t Find(const After& after) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(kept_.begin(), kept_.end(), after);
    return first_ + static_cast<std::uint64_t>(found - kept_.begin());
  }

  // At most `most` things from number `next` on, which is moved behind them. kGone: they are kept no longer.
  Result<std::vector<T>> Read(std::uint64_t& next, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    if (closed_) return Error{ErrorKind::kUnavailable, "the control plane is stopping; watch again", {}, {}};
    if (next < first_)
      return Error{ErrorKind::kGone,
                   "the watch fell behind and has missed changes; list again and watch from there",
                   "from",
                   {}};
    const std::size_t skip = static_cast<std::size_t>(next - first_);
    const std::size_t count = std::min(most, kept_.size() - std::min(skip, kept_.size()));
    const auto begin = kept_.begin() + static_cast<std::ptrdiff_t>(std::min(skip, kept_.size()));
    next += count;
    return std::vector<T>(begin, begin + static_cast<std::ptrdiff_t>(count));
  }

  // One reader's place among those that are woken; gives it up when destroyed, after a running call.
  class Seat {
   public:
    Seat(Feed& feed, std::function<void()> wake) : feed_(feed), waker_(std::make_shared<Waker>()) {
      waker_->call = std::move(wake);
      const std::lock_guard lock(feed_.mutex_);
      feed_.wakers_.push_back(waker_);
    }
    ~Seat() {
      {
        const std::lock_guard lock(feed_.mutex_);
        feed_.wakers_.remove(waker_);
      }
      const std::lock_guard lock(waker_->mutex);
      waker_->call = nullptr;
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

   private:
    Feed& feed_;
    std::shared_ptr<Waker> waker_;
  };

  Status CheckRoom() const {
    const std::lock_guard lock(mutex_);
    if (wakers_.size() < kMostReaders) return {};
    return Error{ErrorKind::kOverloaded, "512 watches are open already; end one", {}, {}};
  }

 private:
  const std::size_t most_;
  mutable std::mutex mutex_;  // guards all below
  std::deque<T> kept_;
  std::uint64_t first_ = 0;  // number of the oldest kept
  bool closed_ = false;
  std::list<std::shared_ptr<Waker>> wakers_;
};

// What watches have in common for those who send them: gRPC's streams and REST's lines.
template <class Message>
class Source {
 public:
  virtual ~Source() = default;
  virtual void Start(std::function<void()> wake) = 0;  // once, before Next; `wake`: ask again
  virtual Result<std::vector<Message>> Next() = 0;     // what is there now; an error ends the watch
};

}  // namespace weft::api
