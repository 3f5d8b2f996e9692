#include "agent/config/retired.h"

#include <algorithm>

namespace weft::config {

void Retired::Keep(snapshot::SnapshotPtr snapshot) {
  if (!kept_.empty() && kept_.back() == snapshot) return;
  kept_.push_back(std::move(snapshot));
  if (kept_.size() > 1) LookLater();
}

void Retired::LookLater() {
  if (std::exchange(looking_, true)) return;
  cold_.After(kEvery, [this, alive = alive_] {
    if (!*alive) return;
    looking_ = false;
    const auto last = std::prev(kept_.end());
    kept_.erase(
        std::remove_if(kept_.begin(), last, [](const auto& snapshot) { return snapshot.use_count() == 1; }),
        last);
    if (kept_.size() > 1) LookLater();
  });
}

}  // namespace weft::config
