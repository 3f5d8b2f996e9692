#pragma once
// How many requests of each caller are under way, exact over all workers: the bulkhead that keeps one caller
// from taking all places of an application. Callers are 64-bit keys in 1,024 sets of 8, each under a spin
// lock that is held for a few loads and stores; one with no request under way has no entry. A caller that
// finds its set full of others is refused, which takes thousands at once. 128 KB, made when the first one
// comes; no allocation after that. Source: resilience.md 6.3. Thread rule: any thread.

#include <cstdint>

#include "agent/limit/sets.h"

namespace weft::limit {

class Callers {
 public:
  [[nodiscard]] bool TryTake(std::uint64_t key, std::uint32_t most) {
    Table::Set& set = sets_.Of(key);
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
    Table::Set& set = sets_.Of(key);
    const SpinLock lock(set.locked);
    for (Entry& each : set.entries) {
      if (each.count > 0 && each.key == key) --each.count;
    }
  }

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t count = 0;
  };
  using Table = Sets<Entry, 1024, 8>;

  Table sets_;
};

}  // namespace weft::limit
