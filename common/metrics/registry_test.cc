#include "common/metrics/registry.h"

#include <gtest/gtest.h>

#include <thread>

namespace weft::metrics {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1)};

std::uint64_t Value(const Registry& registry, FamilyId family,
                    std::initializer_list<std::string_view> values) {
  return registry.Read(family, Values(values.begin(), values.size()));
}

Counter Find(Shard& shard, FamilyId family, std::initializer_list<std::string_view> values) {
  return shard.FindCounter(family, Values(values.begin(), values.size()));
}

// A registry with one labelled counter, time set.
struct Fixture {
  Registry registry;
  FamilyId requests;
  Shard& shard;

  explicit Fixture(Options options = {})
      : registry(options),
        requests(registry.Add({"x_requests_total", "Requests.", Kind::kCounter, {"service"}})),
        shard(registry.AddShard()) {
    registry.Expire(kStart);
  }
};

TEST(MetricsTest, AScrapeAddsUpTheShardsOfAllWorkers) {
  Fixture f;
  Shard& other = f.registry.AddShard();
  Find(f.shard, f.requests, {"cart"}).Add();
  Find(other, f.requests, {"cart"}).Add(2);
  EXPECT_EQ(Value(f.registry, f.requests, {"cart"}), 3U);
  EXPECT_NE(f.registry.Text().find("x_requests_total{service=\"cart\"} 3\n"), std::string::npos)
      << f.registry.Text();
}

TEST(MetricsTest, AShardThatComesLaterSeesTheSeriesOfTheOthers) {
  Fixture f;
  Find(f.shard, f.requests, {"cart"}).Add();
  Find(f.registry.AddShard(), f.requests, {"cart"}).Add();
  EXPECT_EQ(Value(f.registry, f.requests, {"cart"}), 2U);
}

TEST(MetricsTest, BeyondTheCapAFamilyCountsIntoItsOverflowSeries) {
  Fixture f({.max_series = 2});
  for (int i = 0; i < 10000; ++i) Find(f.shard, f.requests, {"s" + std::to_string(i)}).Add();
  EXPECT_EQ(f.registry.series(), 2U);
  EXPECT_EQ(Value(f.registry, f.requests, {"_overflow"}), 9998U);
  const std::string text = f.registry.Text();
  EXPECT_NE(text.find("weft_metric_overflows_total 9998\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("s9999"), std::string::npos);
}

TEST(MetricsTest, AnIdleSeriesIsRetiredAndItsPlaceReusedAfterEveryShardLetGo) {
  Fixture f({.max_series = 1});
  Counter kept = Find(f.shard, f.requests, {"old"});
  kept.Add(5);
  f.registry.Expire(kStart);
  f.registry.Expire(kStart + minutes(9));
  EXPECT_EQ(f.registry.series(), 1U);
  f.registry.Expire(kStart + minutes(10));
  EXPECT_EQ(f.registry.series(), 0U);
  EXPECT_TRUE(f.shard.stale());
  Find(f.shard, f.requests, {"new"}).Add();  // the worker has not let go yet: no room
  EXPECT_EQ(Value(f.registry, f.requests, {"_overflow"}), 1U);
  f.shard.Acknowledge();
  EXPECT_FALSE(f.shard.stale());
  f.registry.Expire(kStart + minutes(11));
  Find(f.shard, f.requests, {"new"}).Add(2);
  EXPECT_EQ(Value(f.registry, f.requests, {"new"}), 2U) << "starts at zero in cells that counted to 5";
}

TEST(MetricsTest, WhatIsCountedThroughAnOldHandleIsNotLost) {
  Fixture f;
  Counter old = Find(f.shard, f.requests, {"cart"});
  old.Add(5);
  f.registry.Expire(kStart);
  f.registry.Expire(kStart + minutes(10));
  old.Add(7);
  f.shard.Acknowledge();
  Find(f.shard, f.requests, {"cart"}).Add(1);
  f.registry.Expire(kStart + minutes(11));
  EXPECT_EQ(Value(f.registry, f.requests, {"cart"}), 8U);
}

TEST(MetricsTest, AGaugeIsRetiredOnlyAtZero) {
  Fixture f;
  const FamilyId open = f.registry.Add({"x_open", "Open.", Kind::kGauge, {}});
  Gauge gauge = f.shard.FindGauge(open, {});
  gauge.Add(2);
  gauge.Add(-1);
  f.registry.Expire(kStart);
  f.registry.Expire(kStart + minutes(60));
  EXPECT_EQ(f.registry.Read(open, {}), 1U);
  EXPECT_EQ(f.registry.series(), 1U);
  gauge.Add(-1);
  f.registry.Expire(kStart + minutes(60));
  f.registry.Expire(kStart + minutes(70));
  EXPECT_EQ(f.registry.series(), 0U);
}

TEST(MetricsTest, HistogramsAreCumulativeAndInBaseUnits) {
  Fixture f;
  const FamilyId took =
      f.registry.Add({"x_seconds", "Took.", Kind::kHistogram, {"service"}, &LatencyBounds(), 1e9});
  const std::string_view cart = "cart";
  Histogram histogram = f.shard.FindHistogram(took, Values(&cart, 1));
  for (const int ms : {1, 2, 70000}) histogram.Record(static_cast<std::uint64_t>(ms) * 1'000'000);
  const std::string text = f.registry.Text();
  for (const char* line :
       {"x_seconds_count{service=\"cart\"} 3\n", "x_seconds_bucket{service=\"cart\",le=\"0.001\"} 1\n",
        "x_seconds_bucket{service=\"cart\",le=\"0.0025\"} 2\n",
        "x_seconds_bucket{service=\"cart\",le=\"60\"} 2\n",
        "x_seconds_bucket{service=\"cart\",le=\"+Inf\"} 3\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(MetricsTest, EveryValueFallsIntoTheFirstBucketThatTakesIt) {
  const Bounds& bounds = LatencyBounds();
  for (std::uint64_t value = 1; value < 200'000'000'000U; value = value * 3 / 2 + 1) {
    const std::size_t i = bounds.IndexOf(value);
    EXPECT_TRUE(i == bounds.upper.size() || value <= bounds.upper[i]) << value;
    EXPECT_TRUE(i == 0 || value > bounds.upper[i - 1]) << value;
  }
  EXPECT_EQ(bounds.IndexOf(0), 0U);
  EXPECT_EQ(bounds.IndexOf(bounds.upper[3]), 3U);
}

TEST(MetricsTest, SourcesAreAskedAtTheScrape) {
  Fixture f;
  const FamilyId age = f.registry.Add({"x_age_seconds", "Age.", Kind::kGauge, {}});
  double value = 1;
  f.registry.AddSource([&](Samples& samples) { samples.Set(age, {}, value); });
  value = 2.5;
  EXPECT_NE(f.registry.Text().find("x_age_seconds 2.5\n"), std::string::npos);
}

TEST(MetricsTest, ASourceMayGiveAHistogram) {
  Fixture f;
  static const Bounds bounds({10, 20});
  const FamilyId took = f.registry.Add({"x_seconds", "Took.", Kind::kHistogram, {}, &bounds, 10});
  f.registry.AddSource([&](Samples& samples) { samples.SetHistogram(took, {}, {1, 2, 3}, 50); });
  const std::string text = f.registry.Text();
  for (const char* line : {"x_seconds_count 6\n", "x_seconds_sum 5\n", "x_seconds_bucket{le=\"2\"} 3\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(MetricsTest, WorkersCountWhileTheScrapeReads) {
  Fixture f;
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    workers.emplace_back([&f, &shard = f.registry.AddShard()] {
      for (int i = 0; i < 2000; ++i) {
        if (shard.stale()) shard.Acknowledge();
        Find(shard, f.requests, {"s" + std::to_string(i % 7)}).Add();
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    f.registry.Expire(kStart + minutes(i));
    EXPECT_FALSE(f.registry.Text().empty());
  }
  for (std::thread& worker : workers) worker.join();
}

}  // namespace
}  // namespace weft::metrics
