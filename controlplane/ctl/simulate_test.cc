#include <cstdlib>
#include <filesystem>

#include "agent/decision/recorder.h"
#include "agent/simulate/agent.h"
#include "agent/simulate/world.h"
#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

constexpr const char* kMesh = R"(
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart, namespace: default}
spec:
  ports: [{name: http, port: 80, protocol: HTTP}]
  instances:
  - {id: cart-1, address: 127.0.0.1, port: 8081}
  - {id: cart-2, address: 127.0.0.1, port: 8082}
)";
constexpr const char* kPolicy = R"(
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: cart, namespace: default}
spec:
  targetRefs: [{group: weft.dev, kind: MeshService, name: cart}]
  retry: {attempts: 0}
)";

class SimulateTest : public testing::Test {
 protected:
  SimulateTest() {
    std::string name = std::filesystem::temp_directory_path() / "weftctl-simulate-XXXXXX";
    folder_ = mkdtemp(name.data());
    Write("mesh.yaml", kMesh);
    Write("policy.yaml", kPolicy);
  }
  ~SimulateTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) { return folder_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) { std::ofstream(Path(name)) << text; }

  // Ten seconds in which one of two instances resets what it gets.
  void Record() {
    auto recorder = decision::FileRecorder::Open(Path("log"), std::uint64_t{64} << 20);
    ASSERT_TRUE(recorder);
    simulate::World world({.seed = 1});
    for (int i = 0; i < 2; ++i) world.AddServer({simulate::Model::Kind::kDelay});
    const simulate::Cart cart = simulate::MakeCart(2, {});
    world.AddClient(std::make_unique<simulate::Agent>(simulate::AgentSettings{.recorder = recorder->get()},
                                                      cart.snapshot, cart.servers, nullptr, world.now()));
    world.SetRate(50);
    world.At(std::chrono::seconds(2), [&] { world.server(1).behaviour.fault = simulate::Fault::kReset; });
    world.Run(std::chrono::seconds(10));
  }

  Fake fake_;

 private:
  std::string folder_;
};

TEST_F(SimulateTest, AScenarioIsPlayedWithoutAnyServer) {
  Write("scenario.yaml", "duration: 20s\nfaults:\n- {at: 5s, instances: [cart-2], kind: refuse}\n");
  ASSERT_EQ(fake_.Run({"simulate", Path("scenario.yaml"), "-f", Path("mesh.yaml")}), 0) << fake_.err;
  EXPECT_NE(fake_.out.find("100.00% good"), std::string::npos) << fake_.out;
  EXPECT_NE(fake_.out.find("cart-2   healthy"), std::string::npos) << fake_.out;
  EXPECT_TRUE(fake_.asked.empty());
  const std::string first = fake_.out;
  fake_.Run({"simulate", Path("scenario.yaml"), "-f", Path("mesh.yaml")});
  EXPECT_EQ(fake_.out, first) << "the same seed, the same text";
  ASSERT_EQ(fake_.Run({"simulate", Path("scenario.yaml"), "-f", Path("mesh.yaml"), "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(fake_.out)["bad"], 0);
}

TEST_F(SimulateTest, WhatIsWrongWithAScenarioIsToldWithItsPlace) {
  Write("scenario.yaml", "duration: soon\n");
  EXPECT_EQ(fake_.Run({"simulate", Path("scenario.yaml"), "-f", Path("mesh.yaml")}), 1);
  EXPECT_NE(fake_.err.find("scenario.yaml:1:11"), std::string::npos) << fake_.err;
  Write("scenario.yaml", "faults:\n- {at: 5s, instances: [cart-9], kind: refuse}\n");
  EXPECT_EQ(fake_.Run({"simulate", Path("scenario.yaml"), "-f", Path("mesh.yaml")}), 1);
  EXPECT_NE(fake_.err.find("cart-9"), std::string::npos) << fake_.err;
  EXPECT_EQ(fake_.Run({"simulate", Path("scenario.yaml")}), 1);
  EXPECT_EQ(fake_.Run({"simulate"}), 1);
}

TEST_F(SimulateTest, ARecordingReplaysAndADifferenceIsNamed) {
  Record();
  ASSERT_EQ(fake_.Run({"replay", Path("log")}), 0) << fake_.err;
  EXPECT_NE(fake_.out.find("calls replayed, all the same"), std::string::npos) << fake_.out;
  ASSERT_EQ(fake_.Run({"replay", Path("log.inputs")}), 0) << fake_.err;
  std::ifstream in(Path("log.inputs"));
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  text.replace(text.find("outcome=reset"), 13, "outcome=local");
  Write("log.inputs", text);
  EXPECT_EQ(fake_.Run({"replay", Path("log")}), 1) << "its checksum is wrong";
  ASSERT_TRUE(decision::Reseal(Path("log.inputs")));
  EXPECT_EQ(fake_.Run({"replay", Path("log")}), 1);
  EXPECT_NE(fake_.out.find("recorded:"), std::string::npos) << fake_.out;
  EXPECT_EQ(fake_.Run({"replay", Path("nothing")}), 1);
}

TEST_F(SimulateTest, ARecordingUnderAnotherPolicyIsComparedLineByLine) {
  Record();
  ASSERT_EQ(fake_.Run({"simulate", "--log", Path("log"), "--with", Path("policy.yaml"), "-o", "json"}), 0)
      << fake_.err;
  const Json json = Json::parse(fake_.out);
  std::map<std::string, Json> lines;
  for (const Json& line : json["figures"]) lines[line["what"]] = line;
  EXPECT_GT(lines["retries"]["recorded"], 0);
  EXPECT_EQ(lines["retries"]["simulated"], 0);
  EXPECT_GT(lines["reason upstream_reset"]["simulated"], lines["reason upstream_reset"]["recorded"]);
  ASSERT_EQ(fake_.Run({"simulate", "--log", Path("log"), "--with", Path("policy.yaml")}), 0) << fake_.err;
  EXPECT_NE(fake_.out.find("MODELLED"), std::string::npos) << fake_.out;
  EXPECT_EQ(fake_.Run({"simulate", "--log", Path("log")}), 1);
  EXPECT_EQ(fake_.Run({"simulate", "--log", Path("log"), "--with", Path("mesh.yaml")}), 1);
}

}  // namespace
}  // namespace weft::ctl
