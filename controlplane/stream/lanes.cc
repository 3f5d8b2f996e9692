#include "controlplane/stream/lanes.h"

#include <algorithm>

namespace weft::stream {
namespace {

const snapshot::Instance* FindInstance(const snapshot::Endpoints& endpoints, const InstanceId& id) {
  const auto found = std::lower_bound(
      endpoints.instances.begin(), endpoints.instances.end(), id,
      [](const snapshot::Instance& instance, const InstanceId& wanted) { return instance.id < wanted; });
  return found != endpoints.instances.end() && found->id == id ? &*found : nullptr;
}

bool TakesTraffic(const snapshot::Instance& instance) {
  return !instance.draining && instance.weight > 0 && instance.declared != snapshot::Declared::kUnhealthy;
}

}  // namespace

bool IsUrgent(const snapshot::Endpoints& before, const snapshot::Endpoints& after) {
  return std::any_of(before.instances.begin(), before.instances.end(), [&](const snapshot::Instance& old) {
    const snapshot::Instance* now = FindInstance(after, old.id);
    return now == nullptr || !(now->address == old.address) || (TakesTraffic(old) && !TakesTraffic(*now));
  });
}

bool Lanes::OfferRelease(Served served, TimePoint now) {
  waiting_release_ = std::move(served);
  return Flush(now);
}

bool Lanes::OfferEndpoints(snapshot::EndpointsPtr endpoints, TimePoint now) {
  const auto shown = world_.endpoints.find(endpoints->service);
  if (shown != world_.endpoints.end()) {
    if (endpoints->version <= shown->second->version) return false;
    if (IsUrgent(*shown->second, *endpoints)) {
      waiting_endpoints_.erase(endpoints->service);
      Change change;
      Show(endpoints, change);
      Note(std::move(change));
      return true;
    }
  }
  snapshot::EndpointsPtr& waiting = waiting_endpoints_[endpoints->service];
  if (waiting == nullptr || waiting->version < endpoints->version) waiting = std::move(endpoints);
  return Flush(now);
}

bool Lanes::Flush(TimePoint now) {
  const std::optional<TimePoint> when = due();
  if (!when || now < *when) return false;
  FlushAll(now);
  return true;
}

void Lanes::FlushAll(TimePoint now) {
  if (!due()) return;
  last_flush_ = now;
  Change change;
  if (waiting_release_) ShowRelease(std::move(*waiting_release_), change);
  waiting_release_.reset();
  for (const auto& [service, endpoints] : waiting_endpoints_) Show(endpoints, change);
  waiting_endpoints_.clear();
  Note(std::move(change));
}

// Where a cohort is served something of its own, every agent compares everything.
void Lanes::ShowRelease(Served served, Change& change) {
  Served& now = world_;
  change.moved = true;
  change.whole = now.candidate != nullptr || served.candidate != nullptr ||
                 now.release->version.store_id != served.release->version.store_id;
  const auto& before = now.release->bundles;
  const auto& after = served.release->bundles;
  for (const ServiceKey& key : ChangedServices(*now.release, *served.release)) {
    const auto old = before.find(key), fresh = after.find(key);
    if (old == before.end() || fresh == after.end() || old->second->references != fresh->second->references)
      change.regrouped.insert(key);
    change.services.push_back(key);
  }
  now = std::move(served);
}

void Lanes::Note(Change change) {
  change.generation = ++world_.generation;
  world_.changes.push_back(std::move(change));
  if (world_.changes.size() > World::kChangesKept) world_.changes.pop_front();
}

std::optional<TimePoint> Lanes::due() const {
  if (!waiting_release_ && waiting_endpoints_.empty()) return std::nullopt;
  return last_flush_ ? *last_flush_ + kCoalesce : TimePoint::min();
}

void Lanes::Show(const snapshot::EndpointsPtr& endpoints, Change& change) {
  world_.endpoints[endpoints->service] = endpoints;
  change.services.push_back(endpoints->service);
}

}  // namespace weft::stream
