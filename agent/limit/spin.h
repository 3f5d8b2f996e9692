#pragma once
// Holds a flag while it lives: for a few loads and stores that several workers make in turn. Thread rule: any
// thread; never across anything that can block.

#include <atomic>

namespace weft::limit {

class SpinLock {
 public:
  explicit SpinLock(std::atomic<bool>& locked) : locked_(locked) {
    while (locked_.exchange(true, std::memory_order_acquire)) {
    }
  }
  ~SpinLock() { locked_.store(false, std::memory_order_release); }
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

 private:
  std::atomic<bool>& locked_;
};

}  // namespace weft::limit
