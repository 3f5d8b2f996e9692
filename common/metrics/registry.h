#pragma once
// Families of metrics, the series of each and the cells of every worker. Workers find a series once (a lock,
// a map), keep the handle and count without a lock. A scrape adds up the shards.
//
// Bounds: at most `max_series` label sets (a histogram's is one); beyond that a family counts into one series
// whose label values are all "_overflow", and weft_metric_overflows_total grows. A series that did not change
// for `idle` is retired: no longer exposed, and given back once every shard has acknowledged the registry's
// version, that is, has dropped the handles it kept. What was counted in between moves to the series of the
// same labels; nothing is lost. A gauge is retired only at zero.
//
// Thread rule: thread safe, except that a Shard belongs to one thread.

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/metrics/metrics.h"
#include "common/time/time.h"

namespace prometheus {
struct MetricFamily;
}

namespace weft::metrics {

using Values = std::span<const std::string_view>;  // one per label of the family, in its order

struct Options {
  std::size_t max_series = 2000;  // at most 5000
  Duration idle = std::chrono::minutes(10);
};

class Registry;

class Shard {
 public:
  explicit Shard(Registry& registry) : registry_(registry) {}

  Counter FindCounter(FamilyId family, Values values);
  Gauge FindGauge(FamilyId family, Values values);
  Histogram FindHistogram(FamilyId family, Values values);

  // True once after series were retired: drop every handle, then call Acknowledge.
  bool stale() const;
  void Acknowledge();

 private:
  friend class Registry;
  static constexpr std::size_t kChunk = 512;  // cells
  static constexpr std::size_t kMostChunks = 256;
  Cell* At(std::size_t cell) const { return chunks_[cell / kChunk].get() + cell % kChunk; }

  Registry& registry_;
  std::array<std::unique_ptr<Cell[]>, kMostChunks> chunks_;  // filled under the registry's lock
  std::atomic<std::uint64_t> seen_{0};
};

// Values made at the time of a scrape, for what nobody counts (states, versions, ages).
class Samples {
 public:
  void Set(FamilyId family, Values values, double value);
  void Set(FamilyId family, std::initializer_list<std::string_view> values, double value) {
    Set(family, Values(values.begin(), values.size()), value);
  }
  // Of a family of kHistogram: counts per bucket, not cumulative, one more than its bounds; `sum` in raw
  // units.
  void SetHistogram(FamilyId family, Values values, std::vector<std::uint64_t> buckets, double sum);

 private:
  friend class Registry;
  struct One {
    FamilyId family;
    std::vector<std::string> values;
    double value;
    std::vector<std::uint64_t> buckets;
  };
  std::vector<One> all_;
};
using Source = std::function<void(Samples&)>;

class Registry {
 public:
  explicit Registry(Options options = {});
  ~Registry();

  FamilyId Add(Family family);
  Shard& AddShard();              // lives as long as the registry
  void AddSource(Source source);  // called at each scrape, on the scraping thread

  // Retires what was idle and reuses what all shards let go; call it now and then, e.g. at each scrape.
  void Expire(TimePoint now);
  std::string Text() const;  // Prometheus text format 0.0.4
  std::vector<prometheus::MetricFamily> Collect() const;
  std::vector<std::string> Describe() const;  // "counter weft_x_total{a,b}", sorted
  std::size_t series() const;                 // live label sets, overflow not counted
  // Sum over shards: a counter's or gauge's raw value, a histogram's count; 0 when there is none. For tests.
  std::uint64_t Read(FamilyId family, Values values) const;

 private:
  friend class Shard;
  struct Series;
  struct State;

  // These want the lock.
  Series& Find(FamilyId family, Values values);
  Series& Create(FamilyId family, std::string values);  // joined
  std::vector<std::uint64_t> Sums(const Series& series) const;
  void Retire(const Series& series);
  void Reclaim();

  Options options_;
  mutable std::mutex mutex_;
  std::atomic<std::uint64_t> version_{1};
  std::unique_ptr<State> state_;  // guarded by mutex_
};

}  // namespace weft::metrics
