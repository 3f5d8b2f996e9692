#pragma once
// How many requests of each caller are under way, exact over all workers: the bulkhead that keeps one caller
// from taking all places of an application. Callers are 64-bit keys in 1,024 sets of 8, each under a spin
// lock that is held for a few loads and stores; one with no request under way has no entry. A caller that
// finds its set full of others is refused, which takes thousands at once. 128 KB, made when the first one
// comes; no allocation after that. Source: resilience.md 6.3. Thread rule: any thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "agent/limit/spin.h"

namespace weft::limit {

class Callers {
 public:
  Callers() = default;
  ~Callers() { delete sets_.load(); }
  Callers(const Callers&) = delete;
  Callers& operator=(const Callers&) = delete;

  [[nodiscard]] bool TryTake(std::uint64_t key, std::uint32_t most) {
    Set& set = SetOf(key);
    const SpinLock lock(set.locked);
    Entry* entry = nullptr;
    for (Entry& each : set.entries) {
      if (each.count > 0 && each.key == key) return each.count < most && ++each.count > 0;
      if (each.count == 0) entry = &each;
    }
    if (entry == nullptr || most == 0) return false;
    *entry = {key, 1};
    return true;
  }
  void Return(std::uint64_t key) {  // once per successful TryTake
    Set& set = SetOf(key);
    const SpinLock lock(set.locked);
    for (Entry& each : set.entries) {
      if (each.count > 0 && each.key == key) --each.count;
    }
  }

 private:
  static constexpr std::size_t kSets = 1024, kWays = 8;
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t count = 0;
  };
  struct Set {
    std::atomic<bool> locked{false};
    std::array<Entry, kWays> entries;
  };

  Set& SetOf(std::uint64_t key) {
    std::call_once(made_, [this] { sets_.store(new std::array<Set, kSets>(), std::memory_order_release); });
    return (*sets_.load(std::memory_order_acquire))[(key >> 32) % kSets];
  }

  std::once_flag made_;
  std::atomic<std::array<Set, kSets>*> sets_{nullptr};
};

}  // namespace weft::limit
