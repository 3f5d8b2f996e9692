#include "controlplane/stream/sweep.h"

#include <algorithm>
#include <utility>

namespace weft::stream {

void Sweep::Begin(const std::function<Tickets()>& everybody) {
  const std::scoped_lock lock(mutex_);
  again_ = !left_.empty();
  if (left_.empty()) left_ = everybody();
}

Sweep::Tickets Sweep::Take(std::size_t agents, TimePoint now, const std::function<Tickets()>& everybody) {
  const std::scoped_lock lock(mutex_);
  if (left_.empty() || now < taken_at_ + kSweep) return {};
  taken_at_ = now;
  const std::size_t count = std::min(left_.size(), std::max(kSweepAgents, agents / kSweepShare));
  const auto first = left_.end() - static_cast<std::ptrdiff_t>(count);
  Tickets out(first, left_.end());
  left_.erase(first, left_.end());
  if (left_.empty() && std::exchange(again_, false)) left_ = everybody();
  return out;
}

std::optional<TimePoint> Sweep::due() const {
  const std::scoped_lock lock(mutex_);
  if (left_.empty()) return std::nullopt;
  return taken_at_ + kSweep;
}

}  // namespace weft::stream
