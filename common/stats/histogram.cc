#include "common/stats/histogram.h"

namespace weft::stats {

static_assert(Histogram::IndexOf(Histogram::kLargest) == 703);

bool Histogram::AddBucket(std::uint32_t index, std::uint64_t count) {
  if (index >= kBuckets) return false;
  counts_[index] += static_cast<std::uint32_t>(count);
  total_ += count;
  return true;
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
}

void Histogram::Subtract(const Histogram& before) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] -= before.counts_[i];
  total_ -= before.total_;
}

void Histogram::Clear() {
  counts_.fill(0);
  total_ = 0;
}

std::uint32_t Histogram::Percentile(double percent) const {
  const double wanted = percent / 100 * static_cast<double>(total_);
  std::uint64_t seen = 0;
  for (std::uint32_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (counts_[i] != 0 && static_cast<double>(seen) >= wanted) return MiddleOf(i);
  }
  return 0;
}

}  // namespace weft::stats
