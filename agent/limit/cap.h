#pragma once
// A count that never exceeds its cap, exact over all workers: a compare-and-swap, never an add that is taken
// back. The cap is an argument, so a changed policy counts from where the old one stood. Meaning of zero: a
// cap of zero is "no cap"; it still counts. Thread rule: any thread.

#include <atomic>
#include <cstdint>

namespace weft::limit {

class Cap {
 public:
  [[nodiscard]] bool TryTake(std::uint32_t cap) {
    std::uint32_t used = used_.load(std::memory_order_relaxed);
    do {
      if (cap != 0 && used >= cap) return false;
    } while (!used_.compare_exchange_weak(used, used + 1, std::memory_order_acq_rel));
    return true;
  }
  void Return() { used_.fetch_sub(1, std::memory_order_acq_rel); }  // once per successful TryTake
  std::uint32_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> used_{0};
};

}  // namespace weft::limit
