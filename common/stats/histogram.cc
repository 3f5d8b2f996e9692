#include "common/stats/histogram.h"

namespace weft::stats {

static_assert(Histogram::IndexOf(Histogram::kLargest) == 703);

bool Histogram::AddBucket(std::uint32_t index, std::uint64_t count) {
  if (index >= kGroup * kGroups) return false;
  At(index) += static_cast<std::uint32_t>(count);
  total_ += count;
  return true;
}

void Histogram::Merge(const Histogram& other) {
  other.ForEach([&](std::uint32_t index, std::uint32_t count) { At(index) += count; });
  total_ += other.total_;
}

void Histogram::Subtract(const Histogram& before) {
  before.ForEach([&](std::uint32_t index, std::uint32_t count) { At(index) -= count; });
  total_ -= before.total_;
}

void Histogram::Clear() {
  for (const auto& group : groups_) {
    if (group) group->fill(0);
  }
  total_ = 0;
}

std::uint32_t Histogram::Percentile(double percent) const {
  const double wanted = percent / 100 * static_cast<double>(total_);
  std::uint64_t seen = 0;
  std::uint32_t found = 0;
  bool done = false;
  ForEach([&](std::uint32_t index, std::uint32_t count) {
    seen += count;
    if (done || static_cast<double>(seen) < wanted) return;
    found = MiddleOf(index);
    done = true;
  });
  return found;
}

}  // namespace weft::stats
