#pragma once
// The two lanes of delivery. Configuration and new endpoints: a first change is visible at once, those within
// the next 50 ms become visible together. Removals and drains of instances: at once, always, overtaking the
// first lane. Pure: time comes in. Not thread safe: the hub's lock guards it.

#include <optional>

#include "common/time/time.h"
#include "controlplane/stream/release.h"

namespace weft::stream {

inline constexpr Duration kCoalesce = std::chrono::milliseconds(50);

class Lanes {
 public:
  // Both return true when the visible world changed.
  bool OfferRelease(Served served, TimePoint now);
  bool OfferEndpoints(snapshot::EndpointsPtr endpoints, TimePoint now);  // an older version is ignored

  bool Flush(TimePoint now);             // makes what is due visible
  void FlushAll(TimePoint now);          // makes everything visible
  std::optional<TimePoint> due() const;  // when Flush has something to do; nothing waits: none
  const World& world() const { return world_; }

 private:
  void ShowRelease(Served served, Change& change);
  void Show(const snapshot::EndpointsPtr& endpoints, Change& change);
  void Note(Change change);

  World world_;
  std::optional<Served> waiting_release_;
  std::unordered_map<ServiceKey, snapshot::EndpointsPtr> waiting_endpoints_;
  std::optional<TimePoint> last_flush_;
};

// True when `after` lacks an instance of `before`, or one became draining or unhealthy.
bool IsUrgent(const snapshot::Endpoints& before, const snapshot::Endpoints& after);

}  // namespace weft::stream
