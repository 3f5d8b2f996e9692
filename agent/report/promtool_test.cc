#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "agent/report/status.h"

namespace weft::report {
namespace {

// A scrape with every family in it.
std::string FullScrape() {
  metrics::Registry registry;
  const Families f(registry);
  metrics::Shard& shard = registry.AddShard();
  const std::vector<std::string_view> values(12, "x");
  const auto of = [&](std::size_t n) { return metrics::Values(values.data(), n); };
  for (const auto& [family, labels] : {std::pair{f.requests, 12},
                                       {f.attempts, 3},
                                       {f.retries, 3},
                                       {f.budget_exhausted, 2},
                                       {f.mirrored, 3},
                                       {f.hedges, 3},
                                       {f.ejections, 4},
                                       {f.connections, 1},
                                       {f.streams, 6},
                                       {f.detections, 2},
                                       {f.secured, 2},
                                       {f.handshakes, 2},
                                       {f.bytes, 2},
                                       {f.log_dropped, 0}}) {
    shard.FindCounter(family, of(static_cast<std::size_t>(labels))).Add();
  }
  shard.FindGauge(f.connections_open, of(1)).Add(1);
  shard.FindGauge(f.streams_open, of(1)).Add(1);
  shard.FindHistogram(f.duration, of(5)).Record(1);
  shard.FindHistogram(f.pool_wait, of(2)).Record(1);
  registry.AddSource([&](metrics::Samples& samples) {
    AgentStatus status;
    BackendStatus& backend =
        status.backends[{{{"local", "default", "cart"}, 80}, engine::Direction::kOutbound}];
    backend.instances["cart-1"].weight = 1;
    backend.foreseen = {1, 1, 1, std::chrono::seconds(9)};
    backend.adaptive_timeout = std::chrono::milliseconds(200);
    status.backends[{{{"local", "default", "cart"}, 80}, engine::Direction::kInbound}].concurrency_limit = 40;
    status.totals[{{{"local", "default", "cart"}, 80}, engine::Direction::kOutbound}].lent = 1;
    AddSamples(f, status, samples);
    samples.Set(f.config_age, {}, 1);
    samples.Set(f.config_rejected, {}, 0);
    samples.Set(f.identity_expires, {}, 0);
    samples.Set(f.identity_answers, {"issued"}, 0);
  });
  return registry.Text();
}

TEST(PromtoolTest, PrometheusOwnToolFindsNothingToSayAboutAScrape) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  const std::string text = FullScrape();
  FILE* pipe = ::popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(pipe, nullptr);
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), pipe), text.size());
  EXPECT_EQ(::pclose(pipe), 0) << text;
}

TEST(PromtoolTest, TheScrapeItCheckedHadEveryFamily) {
  const std::string text = FullScrape();
  metrics::Registry registry;
  const Families families(registry);
  for (const std::string& line : registry.Describe()) {
    const std::size_t begin = line.find(' ') + 1;
    const std::string name = line.substr(begin, line.find('{') - begin);
    EXPECT_NE(text.find("# TYPE " + name + " "), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace weft::report
