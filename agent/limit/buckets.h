#pragma once
// The buckets of one rate limit, shared by all workers and exact: one for everybody, or one per key.
//
// Keys are 64-bit hashes (keyed by the caller, as they are foreign) in 4,096 sets of 8, each under a spin
// lock of its own that is held for a few loads and stores; 576 KB, made when the first key comes. A key whose
// bucket is full again is forgotten without loss. When all 8 of a set are in use, the one that is full again
// soonest gives way: `evicted` counts it, and it may send one burst more than allowed. Thread rule: any
// thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "agent/limit/gcra.h"
#include "agent/limit/sets.h"

namespace weft::limit {

class Buckets {
 public:
  explicit Buckets(const Rate& rate) : interval_(rate.interval), tolerance_(rate.tolerance) {}

  [[nodiscard]] Taken TakeShared(TimePoint now);
  [[nodiscard]] Taken Take(std::uint64_t key, TimePoint now);
  // A token taken that was not used after all.
  void ReturnShared() { shared_.fetch_sub(interval_.load(std::memory_order_relaxed)); }
  void Return(std::uint64_t key);
  // Buckets keep what is in them, in tokens, as far as it fits.
  void Change(const Rate& rate, TimePoint now);
  Rate rate() const {
    return {interval_.load(std::memory_order_relaxed), tolerance_.load(std::memory_order_relaxed)};
  }
  void CountAsked() { asked_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t asked() const { return asked_.load(std::memory_order_relaxed); }  // of a global limit
  std::uint64_t evicted() const { return evicted_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::int64_t tat = 0;  // passed: the entry is free
  };
  using Table = Sets<Entry, 4096, 8>;

  std::atomic<std::int64_t> interval_, tolerance_;
  std::atomic<std::int64_t> shared_{0};
  std::atomic<std::uint64_t> evicted_{0}, asked_{0};
  Table sets_;
};

}  // namespace weft::limit
