#pragma once
// Puts together what the workers learned, process-wide: runs and failure rates of instances over all workers,
// active checks, ejection and return, and the breaker's evidence of all workers. Publishes a new ServiceView
// at most every 100 ms and only when something changed. Knows the services that a worker told of, not all of
// the snapshot, and judges those with evidence of the last 10 s or an instance that is not plainly healthy:
// the rest of a large mesh costs nothing. Replayed and recorded like the engines. Thread rule: one thread
// (worker 0 or the cold one).

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/breaker/window.h"
#include "agent/engine/shared.h"
#include "agent/engine/view.h"
#include "agent/health/instance.h"
#include "common/snapshot/snapshot.h"

namespace weft::decision {
class Recorder;
}

namespace weft::engine {

// A change of one instance's state, for log and metrics.
struct HealthChange {
  BackendKey backend;
  InstanceId instance;
  InstanceState from = InstanceState::kHealthy, to = InstanceState::kHealthy;
  const char* cause = "";
};

class Aggregator {
 public:
  // `recorder` may be null.
  Aggregator(Shared& shared, decision::Recorder* recorder);
  ~Aggregator();

  void Install(const snapshot::SnapshotPtr& snapshot, TimePoint now);
  // Call it once per tick and worker, also with an empty delta: ejections end by it. Null: nothing to
  // publish.
  ViewPtr Absorb(const WorkerDelta& delta, TimePoint now);
  // What changed since the last call.
  std::vector<HealthChange> TakeChanges();

 private:
  struct Member {
    InstanceId id;
    health::Instance health;
    InstanceState told = InstanceState::kHealthy;
  };
  struct Group {
    policy::BundlePtr bundle;
    snapshot::EndpointsPtr endpoints;
    std::shared_ptr<SharedBackend> shared;
    std::map<std::uint64_t, Member> members;  // by instance hash
    breaker::Window window;
    TimePoint judged_until;  // nothing to judge from then on, while all are healthy
    bool healthy = true;     // every member, as of the last judgement
  };

  void Take(snapshot::SnapshotPtr snapshot);
  bool Update(const BackendKey& key, Group& group);  // false: not in the snapshot
  Group* Find(const BackendKey& key);                // null: not in the snapshot
  ViewPtr Judge(const WorkerDelta& delta, TimePoint now);
  void JudgeGroup(const BackendKey& key, Group& group, TimePoint now);
  void AbsorbBackend(Group& group, const BackendDelta& delta, std::uint32_t worker, TimePoint now);
  void Note(const BackendKey& key, Group& group);
  ViewPtr Publish(TimePoint now);

  Shared& shared_;
  decision::Recorder* recorder_;
  snapshot::SnapshotPtr snapshot_;
  std::map<BackendKey, Group> groups_;  // ordered: the same in every run
  std::vector<HealthChange> changes_;
  bool changed_ = false;
  std::uint64_t epoch_ = 0;
  TimePoint published_;
};

}  // namespace weft::engine
