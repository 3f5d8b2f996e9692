#include "controlplane/app/metrics.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "controlplane/store/memory.h"

namespace weft::control {
namespace {

constexpr std::string_view kProgramName = "weft-control ";

struct NoPublisher final : api::Publisher {
  void Release(const compile::Output&, const snapshot::Version&) override {}
  Status CanStage(const compile::Output&) const override { return {}; }
  std::set<ServiceKey> Stage(const compile::Output&, const snapshot::Version&, rollout::Cohort) override {
    return {};
  }
  void Widen(rollout::Cohort) override {}
  void Promote() override {}
  std::uint64_t Registered(const ServiceKey&, std::vector<snapshot::Instance>) override { return 0; }
  snapshot::EndpointsPtr Endpoints(const ServiceKey&) const override { return nullptr; }
};

struct Scene {
  std::unique_ptr<store::Store> store = store::MakeMemoryStore();
  NoPublisher publisher;
  api::Control control{*store, publisher, {}};
  stream::Hub hub;
  telemetry::Collector telemetry{[] { return telemetry::EndpointLists(); }};
  sources::Board board;
  MetricsPage page{control, hub, telemetry, board};
};

std::vector<std::string> GoldenLines() {
  std::ifstream file("tests/golden/metrics.txt");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kProgramName)) lines.push_back(line);
  }
  return lines;
}

TEST(ControlMetricsTest, EveryExposedNameStandsInTheGoldenListAndIsExplained) {
  const Scene scene;
  std::ifstream file("docs/metrics.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> exposed;
  std::string wanted;
  for (const std::string& line : scene.page.Describe()) {
    exposed.push_back(std::string(kProgramName) + line);
    wanted += exposed.back() + "\n";
    const std::size_t begin = line.find(' ') + 1;
    const std::string name = line.substr(begin, line.find('{') - begin);
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name << " has no line in docs/metrics.md";
  }
  EXPECT_EQ(GoldenLines(), exposed) << "tests/golden/metrics.txt should have:\n" << wanted;
}

TEST(ControlMetricsTest, PrometheusOwnToolFindsNothingToSay) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  FILE* pipe = ::popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(pipe, nullptr);
  const std::string text = Scene().page.Text();
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), pipe), text.size());
  EXPECT_EQ(::pclose(pipe), 0) << text;
}

}  // namespace
}  // namespace weft::control
