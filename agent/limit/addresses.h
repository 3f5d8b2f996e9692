#pragma once
// How many connections each client address has, exact over all workers. Only addresses that have some are
// kept. Behind a mutex that each accepted and each closed connection takes once, while there is a limit.
// Thread rule: any thread.

#include <cstdint>
#include <map>
#include <mutex>

#include "common/net/address.h"

namespace weft::limit {

class Addresses {
 public:
  [[nodiscard]] bool TryTake(const net::Ip& ip, std::uint32_t most) {
    const std::lock_guard lock(mutex_);
    const auto [at, added] = counts_.try_emplace(ip, 0);
    if (at->second < most) return ++at->second, true;
    if (added) counts_.erase(at);
    return false;
  }
  void Return(const net::Ip& ip) {  // once per successful TryTake
    const std::lock_guard lock(mutex_);
    const auto at = counts_.find(ip);
    if (at != counts_.end() && --at->second == 0) counts_.erase(at);
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return counts_.size();
  }

 private:
  std::mutex mutex_;
  std::map<net::Ip, std::uint32_t> counts_;
};

}  // namespace weft::limit
