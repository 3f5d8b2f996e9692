#pragma once
// Handles to metric cells of one worker. A cell has one writer, so an increment is a relaxed load, an
// addition and a relaxed store: no lock, no locked instruction. A default-made handle counts into nowhere.
// Thread rule: the worker that found a handle uses it; the scrape reads the cells from another thread.

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::metrics {

enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };

// Upper bounds of histogram buckets, ascending, in the family's raw unit; a last bucket without bound is
// implied.
struct Bounds {
  std::vector<std::uint64_t> upper;
  std::array<std::uint8_t, 65> first{};  // by bit width of a value: the first bucket that may take it

  explicit Bounds(std::vector<std::uint64_t> bounds = {});
  std::size_t IndexOf(std::uint64_t value) const {
    std::size_t i = first[static_cast<std::size_t>(std::bit_width(value))];
    while (i < upper.size() && value > upper[i]) ++i;
    return i;
  }
};

// 0.5 ms to 60 s in nanoseconds, in steps of 2 to 2.5.
const Bounds& LatencyBounds();

struct Family {
  std::string name;  // ends as Prometheus wants it: _total, _seconds, _bytes
  std::string help;  // one sentence
  Kind kind = Kind::kCounter;
  std::vector<std::string> labels;  // fixed with the name
  const Bounds* bounds = nullptr;   // of kHistogram
  double per_unit = 1;              // raw values per exposed unit (1e9: nanoseconds shown as seconds)
};
using FamilyId = std::uint32_t;

using Cell = std::atomic<std::uint64_t>;
extern Cell g_nowhere;

inline void AddTo(Cell& cell, std::uint64_t n) {
  cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

class Counter {
 public:
  Counter() = default;
  explicit Counter(Cell* cell) : cell_(cell) {}
  void Add(std::uint64_t n = 1) { AddTo(*cell_, n); }

 private:
  Cell* cell_ = &g_nowhere;
};

// Workers' values are added up. Signed.
class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(Cell* cell) : cell_(cell) {}
  void Add(std::int64_t n) { AddTo(*cell_, static_cast<std::uint64_t>(n)); }

 private:
  Cell* cell_ = &g_nowhere;
};

class Histogram {
 public:
  Histogram() = default;
  Histogram(Cell* cells, const Bounds& bounds) : cells_(cells), bounds_(&bounds) {}
  void Record(std::uint64_t value) {
    if (bounds_ == nullptr) return;
    AddTo(cells_[1 + bounds_->IndexOf(value)], 1);
    AddTo(cells_[0], value);
  }

 private:
  Cell* cells_ = nullptr;  // sum, then one per bucket
  const Bounds* bounds_ = nullptr;
};

}  // namespace weft::metrics
