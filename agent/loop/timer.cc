#include "agent/loop/timer.h"

#include <utility>

namespace weft::loop {

Timer::~Timer() {
  if (position_ != kNowhere) heap_->Remove(*this);
}

void Timer::Bind(TimerHeap& heap, Callback callback, void* context) {
  heap_ = &heap;
  callback_ = callback;
  context_ = context;
}

void Timer::Set(TimePoint at) {
  due_ = at;
  if (at == TimePoint::max()) return;
  if (position_ != kNowhere) {
    if (at >= key_) return;  // it will be looked at in time, and then moved
    key_ = at;
    heap_->Up(position_);
    return;
  }
  key_ = at;
  heap_->Insert(*this);
}

void TimerHeap::Run(TimePoint now, std::size_t most) {
  for (std::size_t ran = 0; ran < most && !heap_.empty() && heap_.front()->key_ <= now;) {
    Timer& timer = *heap_.front();
    if (timer.due_ > now) {
      if (!timer.armed()) {
        Remove(timer);
      } else {
        timer.key_ = timer.due_;
        Down(0);
      }
      continue;
    }
    Remove(timer);
    ++ran;
    timer.due_ = TimePoint::max();
    timer.callback_(timer.context_, now);
  }
}

void TimerHeap::Insert(Timer& timer) {
  heap_.push_back(&timer);
  timer.position_ = heap_.size() - 1;
  Up(timer.position_);
}

void TimerHeap::Remove(Timer& timer) {
  const std::size_t hole = std::exchange(timer.position_, Timer::kNowhere);
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  Put(hole, last);
  Up(hole);
  Down(last->position_);
}

void TimerHeap::Put(std::size_t i, Timer* timer) {
  heap_[i] = timer;
  timer->position_ = i;
}

void TimerHeap::Up(std::size_t i) {
  Timer* timer = heap_[i];
  while (i > 0 && timer->key_ < heap_[(i - 1) / 2]->key_) {
    Put(i, heap_[(i - 1) / 2]);
    i = (i - 1) / 2;
  }
  Put(i, timer);
}

void TimerHeap::Down(std::size_t i) {
  Timer* timer = heap_[i];
  while (true) {
    std::size_t child = 2 * i + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->key_ < heap_[child]->key_) ++child;
    if (heap_[child]->key_ >= timer->key_) break;
    Put(i, heap_[child]);
    i = child;
  }
  Put(i, timer);
}

}  // namespace weft::loop
