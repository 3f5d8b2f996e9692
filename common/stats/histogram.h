#pragma once
// Log-linear histogram: 2^5 sub-buckets per power of two, so a value is off by at most 1.56 %. Values are
// unsigned (microseconds by custom) and saturate at 2^26 - 1, 67 s in microseconds. Counts are u32. Merging
// adds counts and is exact. Source: the layout of HdrHistogram with a fixed range. 184 bytes, and 128 for
// each power of two that has values: most have few. Thread rule: one owner.

#include <array>
#include <bit>
#include <cstdint>
#include <memory>

namespace weft::stats {

class Histogram {
 public:
  static constexpr std::uint32_t kLargest = (1U << 26) - 1;

  Histogram() = default;
  Histogram(const Histogram& other) { Merge(other); }
  Histogram(Histogram&&) = default;
  Histogram& operator=(Histogram other) noexcept {
    groups_.swap(other.groups_);
    total_ = other.total_;
    return *this;
  }

  void Add(std::uint64_t value) {
    ++At(IndexOf(value > kLargest ? kLargest : static_cast<std::uint32_t>(value)));
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
    for (std::uint32_t g = 0; g < kGroups; ++g) {
      for (std::uint32_t i = 0; groups_[g] && i < kGroup; ++i) {
        if ((*groups_[g])[i] != 0) visit(g * kGroup + i, (*groups_[g])[i]);
      }
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
  static constexpr std::uint32_t kGroup = 32,
                                 kGroups = 22;  // IndexOf(kLargest) + 1, asserted in histogram.cc
  using Group = std::array<std::uint32_t, kGroup>;

  std::uint32_t& At(std::uint32_t index) {
    std::unique_ptr<Group>& group = groups_[index / kGroup];
    if (!group) [[unlikely]]
      group = std::make_unique<Group>();
    return (*group)[index % kGroup];
  }

  std::array<std::unique_ptr<Group>, kGroups> groups_;  // null: all zero
  std::uint64_t total_ = 0;
};

}  // namespace weft::stats
