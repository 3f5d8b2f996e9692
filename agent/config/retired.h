#pragma once
// Keeps snapshots that workers take over until none uses them any more, and lets go of them on the cold
// thread: taking a large one apart takes tens of milliseconds, which a worker would owe to its requests.
// Thread rule: the cold thread.

#include <memory>
#include <vector>

#include "agent/cold/cold.h"
#include "common/snapshot/snapshot.h"

namespace weft::config {

class Retired {
 public:
  static constexpr Duration kEvery = std::chrono::milliseconds(500);

  explicit Retired(cold::Cold& cold) : cold_(cold) {}
  ~Retired() { *alive_ = false; }

  // Of the newest one, too: it is looked at only once another has come.
  void Keep(snapshot::SnapshotPtr snapshot);
  std::size_t size() const { return kept_.size(); }

 private:
  void LookLater();

  cold::Cold& cold_;
  std::vector<snapshot::SnapshotPtr> kept_;  // the last is in force
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool looking_ = false;
};

}  // namespace weft::config
