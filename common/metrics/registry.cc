#include "common/metrics/registry.h"

#include <algorithm>
#include <list>

#include "common/metrics/state.h"

namespace weft::metrics {
namespace {

constexpr std::string_view kOverflow = "_overflow";
constexpr std::size_t kMostSeries = 5000;  // so that the cells of a shard suffice for any mix of kinds

std::vector<std::string> OwnedValues(Values values) { return {values.begin(), values.end()}; }

}  // namespace

std::string Joined(Values values) {
  std::string joined;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) joined.push_back('\0');
    const auto begin = static_cast<std::ptrdiff_t>(joined.size());
    joined.append(values[i]);
    std::replace(joined.begin() + begin, joined.end(), '\0', '?');
  }
  return joined;
}

std::vector<std::string_view> Split(std::string_view joined) {
  std::vector<std::string_view> values;
  while (true) {
    const std::size_t end = joined.find('\0');
    values.push_back(joined.substr(0, end));
    if (end == std::string_view::npos) return values;
    joined.remove_prefix(end + 1);
  }
}

Counter Shard::FindCounter(FamilyId family, Values values) {
  const std::lock_guard lock(registry_.mutex_);
  return Counter(At(registry_.Find(family, values).slot));
}

Gauge Shard::FindGauge(FamilyId family, Values values) {
  const std::lock_guard lock(registry_.mutex_);
  return Gauge(At(registry_.Find(family, values).slot));
}

Histogram Shard::FindHistogram(FamilyId family, Values values) {
  const std::lock_guard lock(registry_.mutex_);
  return {At(registry_.Find(family, values).slot), *registry_.state_->families[family].bounds};
}

bool Shard::stale() const {
  return seen_.load(std::memory_order_relaxed) != registry_.version_.load(std::memory_order_acquire);
}

void Shard::Acknowledge() {
  // Release: the counts made with the dropped handles come before.
  seen_.store(registry_.version_.load(std::memory_order_acquire), std::memory_order_release);
}

void Samples::Set(FamilyId family, Values values, double value) {
  all_.push_back({family, OwnedValues(values), value, {}});
}

void Samples::SetHistogram(FamilyId family, Values values, std::vector<std::uint64_t> buckets, double sum) {
  all_.push_back({family, OwnedValues(values), sum, std::move(buckets)});
}

std::size_t Registry::State::Allocate(std::size_t cells) {
  std::vector<std::size_t>& reusable = free[cells];
  if (!reusable.empty()) {
    const std::size_t slot = reusable.back();
    reusable.pop_back();
    return slot;
  }
  if (next % Shard::kChunk + cells > Shard::kChunk) next += Shard::kChunk - next % Shard::kChunk;
  const std::size_t slot = next;
  next += cells;
  for (; chunks * Shard::kChunk < next; ++chunks) {
    for (const auto& shard : shards) shard->chunks_[chunks] = std::make_unique<Cell[]>(Shard::kChunk);
  }
  return slot;
}

Registry::Registry(Options options) : options_(options), state_(std::make_unique<State>()) {
  options_.max_series = std::min(options_.max_series, kMostSeries);
  state_->overflows = Add({"weft_metric_overflows_total",
                           "Lookups that were counted in an overflow series.",
                           Kind::kCounter,
                           {}});
  state_->live =
      Add({"weft_metric_series", "Label sets in use, overflow series not counted.", Kind::kGauge, {}});
}

Registry::~Registry() = default;

FamilyId Registry::Add(Family family) {
  const std::lock_guard lock(mutex_);
  state_->families.push_back(std::move(family));
  return static_cast<FamilyId>(state_->families.size() - 1);
}

Shard& Registry::AddShard() {
  const std::lock_guard lock(mutex_);
  Shard& shard = *state_->shards.emplace_back(std::make_unique<Shard>(*this));
  for (std::size_t i = 0; i < state_->chunks; ++i) shard.chunks_[i] = std::make_unique<Cell[]>(Shard::kChunk);
  shard.Acknowledge();
  return shard;
}

void Registry::AddSource(Source source) {
  const std::lock_guard lock(mutex_);
  state_->sources.push_back(std::move(source));
}

Registry::Series& Registry::Find(FamilyId family, Values values) {
  std::string joined = Joined(values);
  const auto found = state_->by_labels.find(Key{family, joined});
  if (found != state_->by_labels.end()) return *found->second;
  const std::size_t limit = options_.max_series + state_->overflow_series;
  const std::size_t used = state_->by_labels.size() + state_->retired.size();
  if (used < limit || values.empty()) return Create(family, std::move(joined));
  ++state_->overflow_count;
  std::string overflow = Joined(std::vector<std::string_view>(values.size(), kOverflow));
  const auto there = state_->by_labels.find(Key{family, overflow});
  if (there != state_->by_labels.end()) return *there->second;
  ++state_->overflow_series;
  return Create(family, std::move(overflow));
}

Registry::Series& Registry::Create(FamilyId family, std::string values) {
  Series series;
  series.family = family;
  series.cells = state_->CellsOf(family);
  series.slot = state_->Allocate(series.cells);
  series.overflow = Split(values).front() == kOverflow;
  series.values = std::move(values);
  series.base = std::vector<std::uint64_t>(series.cells, 0);
  series.base = Sums(series);
  series.changed = state_->now;
  Series& kept = state_->series.emplace_back(std::move(series));
  kept.self = std::prev(state_->series.end());
  state_->by_labels.emplace(Key{family, kept.values}, &kept);
  return kept;
}

std::vector<std::uint64_t> Registry::Sums(const Series& series) const {
  std::vector<std::uint64_t> sums(series.cells, 0);
  for (std::size_t i = 0; i < series.cells; ++i) {
    for (const auto& shard : state_->shards)
      sums[i] += shard->At(series.slot + i)->load(std::memory_order_relaxed);
    sums[i] -= series.base[i];
  }
  return sums;
}

void Registry::Expire(TimePoint now) {
  const std::lock_guard lock(mutex_);
  state_->now = now;
  Reclaim();
  std::vector<Series*> idle;
  for (const auto& [key, series] : state_->by_labels) {
    std::vector<std::uint64_t> sums = Sums(*series);
    if (sums != series->last) series->changed = now;
    const bool gauge_in_use = state_->families[key.first].kind == Kind::kGauge && sums[0] != 0;
    if (!gauge_in_use && !series->overflow && now - series->changed >= options_.idle) idle.push_back(series);
    series->last = std::move(sums);
  }
  for (const Series* series : idle) Retire(*series);
  if (!idle.empty()) version_.fetch_add(1, std::memory_order_release);
}

void Registry::Retire(const Series& series) {
  state_->by_labels.erase(Key{series.family, series.values});
  state_->retired.splice(state_->retired.end(), state_->series, series.self);
  state_->retired.back().version = version_.load(std::memory_order_relaxed) + 1;
}

// Every shard saw the version: nobody writes to these cells any more.
void Registry::Reclaim() {
  std::uint64_t seen = version_.load(std::memory_order_relaxed);
  for (const auto& shard : state_->shards)
    seen = std::min(seen, shard->seen_.load(std::memory_order_acquire));
  while (!state_->retired.empty() && state_->retired.front().version <= seen) {
    const Series gone = std::move(state_->retired.front());
    state_->retired.pop_front();
    const std::vector<std::uint64_t> sums = Sums(gone);
    state_->Free(gone.slot, gone.cells);
    if (sums == gone.last) continue;
    const bool labelled = !state_->families[gone.family].labels.empty();
    Series& heir = Find(gone.family, labelled ? Split(gone.values) : std::vector<std::string_view>());
    for (std::size_t i = 0; i < sums.size(); ++i) heir.base[i] -= sums[i] - gone.last[i];
  }
}

std::size_t Registry::series() const {
  const std::lock_guard lock(mutex_);
  return state_->by_labels.size() - state_->overflow_series;
}

std::uint64_t Registry::Read(FamilyId family, Values values) const {
  const std::lock_guard lock(mutex_);
  const auto found = state_->by_labels.find(Key{family, Joined(values)});
  if (found == state_->by_labels.end()) return 0;
  const std::vector<std::uint64_t> sums = Sums(*found->second);
  std::uint64_t total = sums[0];
  if (state_->families[family].kind == Kind::kHistogram) {
    total = 0;
    for (std::size_t i = 1; i < sums.size(); ++i) total += sums[i];
  }
  return total;
}

}  // namespace weft::metrics
