#include "agent/config/file_link.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace weft::config {
namespace {

// Each file names one service per line; "bad" does not compile.
Result<snapshot::Delta> CompileLines(const Texts& texts, const FileLinkOptions&) {
  snapshot::Delta delta;
  for (const auto& [file, text] : texts) {
    if (text.find("bad") != std::string::npos) return Invalid("is bad", "kind", file + ":1:1");
    auto bundle = std::make_shared<policy::ServiceBundle>();
    bundle->key = {"local", "default", text};
    bundle->hash = text;
    auto endpoints = std::make_shared<snapshot::Endpoints>();
    endpoints->service = bundle->key;
    delta.bundles.push_back(bundle);
    delta.endpoints.push_back({{}, 0, endpoints});
  }
  return delta;
}

struct TimedCold : cold::Cold {
  TimePoint now = FromNanos(0);
  std::multimap<TimePoint, std::function<void()>> due;
  void Post(std::function<void()> work) override { due.emplace(now, std::move(work)); }
  void After(Duration span, std::function<void()> work) override { due.emplace(now + span, std::move(work)); }
  TimePoint Now() const override { return now; }
  WallTime WallNow() const override { return {}; }
  void Tick() {
    now += FileLinkOptions::kEvery;
    while (!due.empty() && due.begin()->first <= now) due.extract(due.begin()).mapped()();
  }
};

struct FileLinkTest : ::testing::Test {
  TimedCold cold;
  std::filesystem::path folder;
  std::vector<snapshot::Delta> deltas;
  std::vector<std::string> problems;
  std::unique_ptr<FileLink> link;

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weft-files-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder / (name + ".new")) << text;
    std::filesystem::rename(folder / (name + ".new"), folder / name);
  }
  void Start(FileLink::Compiler compile = CompileLines) {
    link = std::make_unique<FileLink>(cold, FileLinkOptions{{folder.string()}}, std::move(compile));
    Link::Callbacks callbacks;
    callbacks.on_delta = [this](const snapshot::Delta& delta) { deltas.push_back(delta); };
    callbacks.on_state = [this](LinkState state, const std::string& why) {
      if (state == LinkState::kWaiting) problems.push_back(why);
    };
    link->Start(std::move(callbacks));
  }
};

TEST_F(FileLinkTest, AFolderIsReadInTheOrderOfNamesAndOnlyItsResourceFiles) {
  Write("b.yaml", "b");
  Write("a.yml", "a");
  Write("notes.txt", "bad");
  Start();
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_TRUE(deltas[0].full);
  ASSERT_EQ(deltas[0].bundles.size(), 2u);
  EXPECT_EQ(deltas[0].bundles[0]->key.name, "a");
}

TEST_F(FileLinkTest, AReplacedFileIsSeenAndMakesANewRevision) {
  Write("a.yaml", "a");
  Start();
  cold.Tick();
  EXPECT_EQ(deltas.size(), 1u) << "nothing changed";
  Write("a.yaml", "z");
  cold.Tick();
  ASSERT_EQ(deltas.size(), 2u);
  EXPECT_EQ(deltas[1].version->revision, 2u);
  std::filesystem::remove(folder / "a.yaml");
  cold.Tick();
  EXPECT_TRUE(deltas.at(2).bundles.empty());
}

TEST_F(FileLinkTest, ABadFileKeepsTheLastGoodSetAndIsSaidOnce) {
  Write("a.yaml", "a");
  Start();
  Write("b.yaml", "bad");
  cold.Tick();
  cold.Tick();
  EXPECT_EQ(deltas.size(), 1u);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("b.yaml:1:1: kind: is bad"), std::string::npos);
  Write("b.yaml", "b");
  cold.Tick();
  EXPECT_EQ(deltas.size(), 2u);
}

TEST_F(FileLinkTest, SameTextWithANewTimeIsNoChange) {
  Write("a.yaml", "a");
  Start();
  Write("a.yaml", "a");
  cold.Tick();
  EXPECT_EQ(deltas.size(), 1u);
}

TEST_F(FileLinkTest, APathThatIsNotThereIsNamed) {
  EXPECT_EQ(ReadFiles({"/nowhere/mesh.yaml"}).error().Text(),
            "/nowhere/mesh.yaml: resources: cannot be read");
}

}  // namespace
}  // namespace weft::config
