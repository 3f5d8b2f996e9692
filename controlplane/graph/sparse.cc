#include "controlplane/graph/sparse.h"

#include <algorithm>
#include <limits>

#include "common/stats/histogram.h"

namespace weft::graph {
namespace {

constexpr std::uint32_t kLastBucket = stats::Histogram::IndexOf(stats::Histogram::kLargest);

std::uint32_t Grown(std::uint32_t count, std::uint64_t by) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(count + std::min(by, kMost - count));
}

}  // namespace

bool Sparse::Add(std::uint32_t index, std::uint64_t count) {
  if (index > kLastBucket) return false;
  if (count == 0) return true;
  const auto found = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                      [](const Bucket& bucket, std::uint32_t i) { return bucket.index < i; });
  const bool there = found != buckets_.end() && found->index == index;
  Bucket& bucket = there ? *found : *buckets_.insert(found, {index, 0});
  const std::uint32_t grown = Grown(bucket.count, count);
  total_ += grown - bucket.count;
  bucket.count = grown;
  return true;
}

void Sparse::Merge(const Sparse& other) {
  std::vector<Bucket> merged;
  merged.reserve(buckets_.size() + other.buckets_.size());
  auto mine = buckets_.begin();
  for (const Bucket& theirs : other.buckets_) {
    while (mine != buckets_.end() && mine->index < theirs.index) merged.push_back(*mine++);
    const bool both = mine != buckets_.end() && mine->index == theirs.index;
    const std::uint32_t before = both ? (mine++)->count : 0;
    merged.push_back({theirs.index, Grown(before, theirs.count)});
    total_ += merged.back().count - before;
  }
  merged.insert(merged.end(), mine, buckets_.end());
  buckets_ = std::move(merged);
}

void Sparse::Clear() {
  buckets_.clear();
  total_ = 0;
}

std::uint32_t Sparse::Percentile(double percent) const {
  const double wanted = percent / 100 * static_cast<double>(total_);
  std::uint64_t seen = 0;
  for (const Bucket& bucket : buckets_) {
    seen += bucket.count;
    if (static_cast<double>(seen) >= wanted) return stats::Histogram::MiddleOf(bucket.index);
  }
  return 0;
}

std::uint64_t Sparse::Above(std::uint32_t value) const {
  const std::uint32_t limit = stats::Histogram::IndexOf(std::min(value, stats::Histogram::kLargest));
  std::uint64_t count = 0;
  for (const Bucket& bucket : buckets_) count += bucket.index > limit ? bucket.count : 0;
  return count;
}

}  // namespace weft::graph
