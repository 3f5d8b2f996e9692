#pragma once
// The buckets of common/stats' log-linear histogram that are not empty: what one edge of a few seconds needs
// is tens of them, not 704. Merging adds counts and is exact; a percentile is off by at most 1.56 %. Values
// are microseconds. 8 bytes per bucket; a bucket's count stays at 2^32 - 1. Thread rule: plain value.

#include <cstdint>
#include <vector>

namespace weft::graph {

class Sparse {
 public:
  bool Add(std::uint32_t index, std::uint64_t count);  // false: there is no such bucket
  void Merge(const Sparse& other);
  void Clear();
  std::uint64_t total() const { return total_; }
  // As stats::Histogram::Percentile; none: 0.
  std::uint32_t Percentile(double percent) const;
  // Values in buckets above the one of `value`.
  std::uint64_t Above(std::uint32_t value) const;

 private:
  struct Bucket {
    std::uint32_t index, count;
  };
  std::vector<Bucket> buckets_;  // ascending
  std::uint64_t total_ = 0;
};

}  // namespace weft::graph
