#pragma once
// What both HTTP/2 drivers share: bounds of a connection, and the list of its streams. Thread rule: one
// worker.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "agent/codec/http2/session.h"

namespace weft::connection {

inline constexpr std::size_t kMostFramed = 128 * 1024;  // queued; DATA waits in its streams beyond
inline constexpr std::size_t kMostUnread =
    512 * 1024;  // queued; a peer that makes us write and does not read

// The streams on the wire and a few for the next.
template <class S>
class StreamList {
 public:
  template <class... Args>
  S& Open(Args&&... args) {
    std::unique_ptr<S> mine;
    if (free_.empty()) {
      mine = std::make_unique<S>(std::forward<Args>(args)...);
    } else {
      mine = std::move(free_.back());
      free_.pop_back();
    }
    mine->place = active_.size();
    active_.push_back(std::move(mine));
    return *active_.back();
  }
  void Close(S& stream) {
    const std::size_t place = stream.place;
    std::unique_ptr<S> mine = std::move(active_[place]);
    if (place + 1 < active_.size()) {
      active_[place] = std::move(active_.back());
      active_[place]->place = place;
    }
    active_.pop_back();
    if (free_.size() == kMostFree) return;
    mine->Renew();
    free_.push_back(std::move(mine));
  }
  bool empty() const { return active_.empty(); }
  std::size_t size() const { return active_.size(); }
  S& back() { return *active_.back(); }
  const std::vector<std::unique_ptr<S>>& all() const { return active_; }

 private:
  static constexpr std::size_t kMostFree = 8;
  std::vector<std::unique_ptr<S>> active_, free_;
};

}  // namespace weft::connection
