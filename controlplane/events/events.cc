#include "controlplane/events/events.h"

#include <utility>

namespace weft::events {

void Book::Record(bool warning, std::string_view reason, Object object, std::string message) {
  if (message.size() > kMostMessage) message.resize(kMostMessage);
  const WallTime now = clock_();
  Event event{0, warning, reason, std::move(object), std::move(message), 1, now, now};
  const std::lock_guard lock(mutex_);
  event.number = ++last_;
  Key key = KeyOf(event);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    const Event& before = *found->second;
    event.count = before.count + 1;
    event.first = before.first;
    kept_.erase(found->second);
  } else if (kept_.size() == kMostKept) {
    by_key_.erase(KeyOf(kept_.front()));
    kept_.pop_front();
  }
  by_key_[std::move(key)] = kept_.insert(kept_.end(), std::move(event));
}

std::vector<Event> Book::After(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  auto from = kept_.end();
  while (from != kept_.begin() && std::prev(from)->number > number) --from;
  return {from, kept_.end()};
}

std::uint64_t Book::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

}  // namespace weft::events
