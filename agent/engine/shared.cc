#include "agent/engine/shared.h"

namespace weft::engine {
namespace {

// Entries that no worker holds any more are dropped whenever the map has doubled since the last time.
template <class Map>
void Sweep(Map& map, std::size_t& limit) {
  if (map.size() < limit) return;
  std::erase_if(map, [](const auto& entry) { return entry.second.expired(); });
  limit = 2 * map.size() + 64;
}

}  // namespace

std::shared_ptr<SharedBackend> Shared::Backend(const BackendKey& key) {
  const std::lock_guard lock(mutex_);
  Sweep(backends_, backend_limit_);
  std::weak_ptr<SharedBackend>& entry = backends_[key];
  std::shared_ptr<SharedBackend> held = entry.lock();
  if (!held) entry = held = std::make_shared<SharedBackend>(seed_, HashBytes(key.ToString()));
  return held;
}

std::shared_ptr<SharedInstance> Shared::Instance(std::uint64_t instance, std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  Sweep(instances_, instance_limit_);
  std::weak_ptr<SharedInstance>& entry = instances_[{instance, port}];
  std::shared_ptr<SharedInstance> held = entry.lock();
  if (!held) entry = held = std::make_shared<SharedInstance>();
  return held;
}

std::size_t Shared::size() {
  const std::lock_guard lock(mutex_);
  return backends_.size() + instances_.size();
}

}  // namespace weft::engine
