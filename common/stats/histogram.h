#pragma once
// Log-linear histogram: 2^5 sub-buckets per power of two, so a value is off by at most 1.56 %. Values are
// unsigned (microseconds by custom) and saturate at 2^26 - 1, 67 s in microseconds. Counts are u32. Merging
// adds counts and is exact. Source: the layout of HdrHistogram with a fixed range. 2.8 KB. Thread rule: one
// owner.

#include <array>
#include <bit>
#include <cstdint>

namespace weft::stats {

class Histogram {
 public:
  static constexpr std::uint32_t kLargest = (1U << 26) - 1;

  void Add(std::uint64_t value) {
    ++counts_[IndexOf(value > kLargest ? kLargest : static_cast<std::uint32_t>(value))];
    ++total_;
  }
  // `count` values of one bucket, as another histogram's ForEach gave it; false and nothing added: no such
  // bucket.
  bool AddBucket(std::uint32_t index, std::uint64_t count);
  void Merge(const Histogram& other);
  void Subtract(const Histogram& before);  // `before` is an earlier state of this one
  void Clear();
  std::uint64_t total() const { return total_; }
  // The smallest recorded value (middle of its bucket) that at least `percent` of all values do not exceed;
  // none: 0.
  std::uint32_t Percentile(double percent) const;

  // Calls visit(index, count) for every bucket that is not empty, ascending.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    for (std::uint32_t i = 0; i < kBuckets; ++i) {
      if (counts_[i] != 0) visit(i, counts_[i]);
    }
  }

  static constexpr std::uint32_t IndexOf(std::uint32_t value) {
    if (value < 64) return value;
    const auto shift = static_cast<std::uint32_t>(std::bit_width(value)) - 6;
    return (shift << 5) + (value >> shift);
  }
  static constexpr std::uint32_t MiddleOf(std::uint32_t index) {
    if (index < 64) return index;
    const std::uint32_t shift = (index >> 5) - 1;
    return ((32 + (index & 31)) << shift) + ((1U << shift) >> 1);
  }

 private:
  static constexpr std::size_t kBuckets = 704;  // IndexOf(kLargest) + 1, asserted in histogram.cc
  std::array<std::uint32_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace weft::stats
