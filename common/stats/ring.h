#pragma once
// A sliding window of N buckets of equal width whose total is kept by subtracting what leaves. Buckets lie on
// multiples of the width; a gap longer than the window clears it whole. T needs += and -=, and T{} is zero.
// Add and Total are O(1) within a bucket; rolling costs one step per bucket passed, at most N.
// Totals of floating-point members are rebuilt once per turn of the ring, which removes the drift of
// subtraction. The first Add allocates the buckets: most instances of a large service are never called.
// Source: resilience4j's SlidingTimeWindowMetrics; time never runs backwards here (an older `now` is the
// newest bucket). Thread rule: one owner.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/time/time.h"

namespace weft::stats {

template <class T, std::size_t N>
class Ring {
 public:
  explicit Ring(Duration width) : width_(width.count()) {}

  void Add(TimePoint now, const T& value) {
    if (!buckets_) buckets_ = std::make_unique<std::array<T, N>>();
    Roll(now);
    (*buckets_)[at()] += value;
    total_ += value;
  }
  const T& Total(TimePoint now) {
    if (buckets_) Roll(now);
    return total_;
  }
  void Clear() {
    if (buckets_) buckets_->fill(T{});
    total_ = T{};
  }

 private:
  std::size_t at() const { return static_cast<std::size_t>(head_ % static_cast<std::int64_t>(N)); }

  void Roll(TimePoint now) {
    if (Nanos(now) >= head_end_) Advance(Nanos(now) / width_);
  }
  void Advance(std::int64_t step) {
    head_end_ = (step + 1) * width_;
    if (step - head_ >= static_cast<std::int64_t>(N)) {
      Clear();
      head_ = step;
      return;
    }
    while (head_ < step) {
      ++head_;
      total_ -= (*buckets_)[at()];
      (*buckets_)[at()] = T{};
      if (at() == 0) Rebuild();
    }
  }
  void Rebuild() {
    total_ = T{};
    for (const T& bucket : *buckets_) total_ += bucket;
  }

  std::int64_t width_;
  std::int64_t head_ = 0;
  std::int64_t head_end_ = 0;                  // when the newest bucket ends
  std::unique_ptr<std::array<T, N>> buckets_;  // null: nothing was added
  T total_{};
};

}  // namespace weft::stats
