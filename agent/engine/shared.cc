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

// The living entry, or a new one.
template <class Key, class T>
std::shared_ptr<T> Held(std::map<Key, std::weak_ptr<T>>& map, std::size_t& limit, const Key& key) {
  Sweep(map, limit);
  std::weak_ptr<T>& entry = map[key];
  std::shared_ptr<T> held = entry.lock();
  if (!held) entry = held = std::make_shared<T>();
  return held;
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

std::shared_ptr<limit::Cap> Shared::Route(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return Held(routes_, route_limit_, name);
}

std::shared_ptr<SharedInstance> Shared::Instance(std::uint64_t instance, std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  return Held(instances_, instance_limit_, std::pair{instance, port});
}

std::size_t Shared::size() {
  const std::lock_guard lock(mutex_);
  return backends_.size() + instances_.size() + routes_.size();
}

}  // namespace weft::engine
