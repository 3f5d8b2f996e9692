#include "agent/limit/buckets.h"

namespace weft::limit {

Taken Buckets::TakeShared(TimePoint now) {
  const Rate current = rate();
  std::int64_t seen = shared_.load(std::memory_order_relaxed);
  while (true) {
    std::int64_t tat = seen;
    const Taken taken = limit::Take(tat, current, Nanos(now));
    if (!taken.admitted || shared_.compare_exchange_weak(seen, tat, std::memory_order_acq_rel)) return taken;
  }
}

Taken Buckets::Take(std::uint64_t key, TimePoint now) {
  Table::Set& set = sets_.Of(key);
  const SpinLock lock(set.locked);
  Entry* free = &set.entries[0];
  for (Entry& entry : set.entries) {
    if (entry.key == key && entry.tat != 0) return limit::Take(entry.tat, rate(), Nanos(now));
    if (entry.tat < free->tat) free = &entry;
  }
  if (free->tat > Nanos(now)) evicted_.fetch_add(1, std::memory_order_relaxed);
  *free = {key, 0};
  return limit::Take(free->tat, rate(), Nanos(now));
}

void Buckets::Return(std::uint64_t key) {
  Table::Set& set = sets_.Of(key);
  const SpinLock lock(set.locked);
  for (Entry& entry : set.entries) {
    if (entry.key == key && entry.tat != 0) entry.tat -= interval_.load(std::memory_order_relaxed);
  }
}

void Buckets::Change(const Rate& to, TimePoint now) {
  const Rate from = rate();
  if (from == to) return;
  interval_.store(to.interval, std::memory_order_relaxed);
  tolerance_.store(to.tolerance, std::memory_order_relaxed);
  std::int64_t seen = shared_.load(std::memory_order_relaxed);
  while (!shared_.compare_exchange_weak(seen, Rescale(seen, from, to, Nanos(now)))) {
  }
  Table::All* const sets = sets_.all();
  if (sets == nullptr) return;
  for (Table::Set& set : *sets) {
    const SpinLock lock(set.locked);
    for (Entry& entry : set.entries) entry.tat = Rescale(entry.tat, from, to, Nanos(now));
  }
}

}  // namespace weft::limit
