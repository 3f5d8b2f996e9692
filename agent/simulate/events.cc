#include "agent/simulate/events.h"

#include <algorithm>

namespace weft::simulate {
namespace {

constexpr std::size_t kChildren = 4;

}  // namespace

void Events::At(TimePoint at, Actor& who, std::uint32_t what, std::uint64_t item) {
  const Event event{std::max(at, now_), order_++, &who, item, what};
  std::size_t i = heap_.size();
  heap_.push_back(event);
  while (i > 0) {
    const std::size_t parent = (i - 1) / kChildren;
    if (!event.Before(heap_[parent])) break;
    heap_[i] = heap_[parent];
    i = parent;
  }
  heap_[i] = event;
}

Events::Event Events::Take() {
  const Event first = heap_.front();
  const Event last = heap_.back();
  heap_.pop_back();
  std::size_t i = 0;
  while (true) {
    const std::size_t begin = i * kChildren + 1;
    if (begin >= heap_.size()) break;
    std::size_t best = begin;
    for (std::size_t c = begin + 1; c < std::min(begin + kChildren, heap_.size()); ++c) {
      if (heap_[c].Before(heap_[best])) best = c;
    }
    if (!heap_[best].Before(last)) break;
    heap_[i] = heap_[best];
    i = best;
  }
  if (!heap_.empty()) heap_[i] = last;
  return first;
}

void Events::RunUntil(TimePoint end) {
  while (!heap_.empty() && heap_.front().at < end) {
    const Event event = Take();
    now_ = event.at;
    ++handled_;
    event.who->On(event.what, event.item);
  }
  now_ = std::max(now_, end);
}

}  // namespace weft::simulate
