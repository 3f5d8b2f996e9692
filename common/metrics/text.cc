#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

#include "common/metrics/state.h"

namespace weft::metrics {
namespace {

prometheus::MetricType TypeOf(Kind kind) {
  switch (kind) {
    case Kind::kGauge: return prometheus::MetricType::Gauge;
    case Kind::kHistogram: return prometheus::MetricType::Histogram;
    case Kind::kCounter: break;
  }
  return prometheus::MetricType::Counter;
}

template <class Text>
prometheus::ClientMetric Labelled(const Family& family, const std::vector<Text>& values) {
  prometheus::ClientMetric metric;
  for (std::size_t i = 0; i < std::min(values.size(), family.labels.size()); ++i) {
    metric.label.push_back({family.labels[i], std::string(values[i])});
  }
  return metric;
}

void SetValue(prometheus::ClientMetric& metric, Kind kind, double value) {
  if (kind == Kind::kGauge) metric.gauge.value = value;
  if (kind == Kind::kCounter) metric.counter.value = value;
}

// Prometheus wants cumulative buckets.
void SetHistogram(prometheus::ClientMetric& metric, const Family& family,
                  std::span<const std::uint64_t> buckets, double sum) {
  auto& out = metric.histogram;
  out.sample_sum = sum / family.per_unit;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    out.sample_count += buckets[i];
    if (i < family.bounds->upper.size()) {
      out.bucket.push_back(
          {out.sample_count, static_cast<double>(family.bounds->upper[i]) / family.per_unit});
    }
  }
}

std::string Described(const Family& family) {
  constexpr std::string_view kKinds[] = {"counter", "gauge", "histogram"};
  std::string text = std::string(kKinds[static_cast<std::size_t>(family.kind)]) + " " + family.name + "{";
  for (const std::string& label : family.labels) text += (text.ends_with('{') ? "" : ",") + label;
  return text + "}";
}

}  // namespace

std::vector<prometheus::MetricFamily> Registry::Collect() const {
  std::vector<Source> sources;
  {
    const std::lock_guard lock(mutex_);
    sources = state_->sources;
  }
  Samples samples;  // made without the lock: a source may ask workers, which may be waiting for it
  for (const Source& source : sources) source(samples);

  const std::lock_guard lock(mutex_);
  samples.Set(state_->overflows, {}, static_cast<double>(state_->overflow_count));
  samples.Set(state_->live, {}, static_cast<double>(state_->by_labels.size() - state_->overflow_series));
  std::vector<prometheus::MetricFamily> result(state_->families.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    const Family& family = state_->families[i];
    result[i] = {family.name, family.help, TypeOf(family.kind), {}};
  }
  for (const auto& [key, series] : state_->by_labels) {
    const Family& family = state_->families[key.first];
    prometheus::ClientMetric metric = Labelled(family, Split(key.second));
    const std::vector<std::uint64_t> sums = Sums(*series);
    if (family.kind == Kind::kHistogram) {
      SetHistogram(metric, family, std::span(sums).subspan(1), static_cast<double>(sums[0]));
    }
    SetValue(metric, family.kind, static_cast<double>(static_cast<std::int64_t>(sums[0])) / family.per_unit);
    result[key.first].metric.push_back(std::move(metric));
  }
  for (const Samples::One& sample : samples.all_) {
    const Family& family = state_->families[sample.family];
    prometheus::ClientMetric metric = Labelled(family, sample.values);
    if (family.kind == Kind::kHistogram) SetHistogram(metric, family, sample.buckets, sample.value);
    SetValue(metric, family.kind, sample.value);
    result[sample.family].metric.push_back(std::move(metric));
  }
  std::erase_if(result, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  return result;
}

std::string Registry::Text() const { return prometheus::TextSerializer().Serialize(Collect()); }

std::vector<std::string> Registry::Describe() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (const Family& family : state_->families) lines.push_back(Described(family));
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace weft::metrics
