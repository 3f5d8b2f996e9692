#pragma once
// Entries by 64-bit key in sets of a few, each set under a spin lock that is held for a few loads and stores.
// Made when the first is asked for, so that what is not used costs a pointer; no allocation after that. What
// an entry means, and when it is free, is the owner's. Thread rule: any thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "agent/limit/spin.h"

namespace weft::limit {

template <class Entry, std::size_t kSets, std::size_t kWays>
class Sets {
 public:
  struct Set {
    std::atomic<bool> locked{false};  // for a SpinLock
    std::array<Entry, kWays> entries;
  };
  using All = std::array<Set, kSets>;

  Sets() = default;
  ~Sets() { delete all_.load(); }
  Sets(const Sets&) = delete;
  Sets& operator=(const Sets&) = delete;

  Set& Of(std::uint64_t key) {
    std::call_once(made_, [this] { all_.store(new All(), std::memory_order_release); });
    return (*all())[(key >> 32) % kSets];
  }
  All* all() const { return all_.load(std::memory_order_acquire); }  // null: nobody asked yet

 private:
  std::once_flag made_;
  std::atomic<All*> all_{nullptr};
};

}  // namespace weft::limit
