#pragma once
// The leader among replicas: who holds a Lease of coordination.k8s.io/v1, as client-go does it. Another's
// lease counts as lapsed when it has not changed for its duration by our own clock, so that clocks need not
// agree. Thread rule: Start and Stop once, from one thread; leads() from any. It has a thread of its own.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/time/time.h"
#include "controlplane/kube/client.h"

namespace weft::kube {

struct ElectionOptions {
  std::string ns = "weft-system", name = "weft-control";
  std::string identity;  // of this replica; unique
  Duration lease = std::chrono::seconds(15), retry = std::chrono::seconds(2);
  std::function<TimePoint()> clock = ReadMonotonicClock;
  std::function<WallTime()> wall_clock = ReadWallClock;
};

class Election {
 public:
  Election(Config config, ElectionOptions options)
      : client_(std::move(config)), options_(std::move(options)) {}
  ~Election() { Stop(); }

  void Start();
  void Stop();  // gives the lease back
  // Until two thirds of the lease are over since it was last renewed: others wait for all of it.
  bool leads() const { return options_.clock() < until_.load(); }
  Status Turn();  // looks after the lease once; blocks on the API server; for Start's thread, or a test

 private:
  std::string Path() const;
  Status Take(const Json& lease, bool mine);
  Status Make();
  Status GiveBack();
  Json SpecOf(const Json& before, bool mine) const;
  bool Lapsed(const Json& lease);
  void Hold(TimePoint since) { until_ = since + options_.lease * 2 / 3; }
  void Run();

  const Client client_;
  const ElectionOptions options_;
  std::atomic<TimePoint> until_{TimePoint{}};
  std::string seen_;  // resourceVersion of another's lease, since seen_at_
  TimePoint seen_at_;
  std::thread thread_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
};

}  // namespace weft::kube
