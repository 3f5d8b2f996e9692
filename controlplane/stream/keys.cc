#include "controlplane/stream/keys.h"

#include <algorithm>

namespace weft::stream {

SharedKey KeyPool::Get(const ServiceKey& key) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<const ServiceKey>& known = keys_[key];
  SharedKey shared = known.lock();
  if (shared != nullptr) return shared;
  known = shared = std::make_shared<const ServiceKey>(key);
  if (keys_.size() >= sweep_at_) {
    std::erase_if(keys_, [](const auto& one) { return one.second.expired(); });
    sweep_at_ = std::max<std::size_t>(1024, 2 * keys_.size());
  }
  return shared;
}

std::size_t KeyPool::size() const {
  const std::lock_guard lock(mutex_);
  return keys_.size();
}

}  // namespace weft::stream
