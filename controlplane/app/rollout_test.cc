// Releases in stages to a hundred agents over real streams.
#include <set>

#include "controlplane/app/program_fixture.h"
#include "controlplane/app/scripted_agents.h"

namespace weft::control {
namespace {

constexpr int kAgents = 100;
constexpr const char* kStages = "/api/v1/apply?rollout=1,10%25,all&bake=1s&converge=20s";

std::string PolicyOf(int attempts) {
  return R"({"apiVersion": "weft.dev/v1", "kind": "ServicePolicy", "metadata": {"name": "cart"},
    "spec": {"targetRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "cart"}],
    "retry": {"attempts": )" +
         std::to_string(attempts) + "}}}";
}

class RolloutTest : public ProgramTest {
 protected:
  void SetUp() override {
    Begin();
    ASSERT_EQ(Apply(kCart).status, 200U);
    ASSERT_EQ(Apply(PolicyOf(1)).status, 200U);
  }
  void TearDown() override { agents.clear(); }

  void Connect(std::uint64_t refuses = 0) {
    agents.clear();
    for (int i = 0; i < kAgents; ++i)
      agents.push_back(std::make_unique<ScriptedAgent>(channel, "pod-" + std::to_string(i), "cart", refuses));
    Until([&] { return Body(Call("GET", "/api/v1/agents"))["items"].size() == kAgents; });
  }
  template <class Condition>
  void Until(const Condition& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << Rollout().dump(2);
      std::this_thread::yield();
    }
  }
  json Rollout() const {
    const json items = Body(Call("GET", "/api/v1/rollouts?limit=1"))["items"];
    return items.empty() ? json::object() : items[0];
  }
  std::set<std::string> On(std::uint64_t revision) const {
    std::set<std::string> nodes;
    for (const auto& agent : agents) {
      if (agent->revision() == revision) nodes.insert(agent->node());
    }
    return nodes;
  }
  // Everybody's requests, and how those with the candidate fare.
  void Traffic(std::uint64_t candidate, std::uint64_t failures, std::uint32_t us) {
    for (const auto& agent : agents) {
      const bool has_it = agent->revision() == candidate;
      agent->Report(20, has_it ? failures : 0, has_it ? us : 1000);
    }
  }
  void UntilEnd(std::uint64_t candidate, std::uint64_t failures, std::uint32_t us) {
    Until([&] {
      Traffic(candidate, failures, us);
      most_ = std::max(most_, On(candidate).size());
      return Rollout()["ended"] != "";
    });
  }

  std::vector<std::unique_ptr<ScriptedAgent>> agents;
  std::size_t most_ = 0;  // agents that had the candidate at once
};

TEST_F(RolloutTest, AGoodOneReachesOneThenATenthThenAll) {
  Connect();
  const json begun = Body(Call("POST", kStages, PolicyOf(2)));
  ASSERT_EQ(begun["rollout"], true) << begun.dump();
  const std::uint64_t candidate = begun["revision"];
  Until([&] { return On(candidate).size() == 1; });
  EXPECT_EQ(Body(Call("GET", "/api/v1/revisions"))["released"], candidate - 1);
  EXPECT_EQ(Apply(PolicyOf(3)).status, 409U) << "no other write while it runs";
  Until([&] { return Rollout()["stage"] == 2; });
  Until([&] { return On(candidate).size() > 1; });
  EXPECT_LT(On(candidate).size(), 40U);
  UntilEnd(candidate, 0, 1000);
  EXPECT_EQ(Rollout()["state"], "completed") << Rollout().dump(2);
  Until([&] { return On(candidate).size() == kAgents; });
  EXPECT_EQ(Body(Call("GET", "/api/v1/revisions"))["released"], candidate);
  EXPECT_EQ(Apply(PolicyOf(3)).status, 200U);
}

TEST_F(RolloutTest, OneThatIsRefusedStopsAtTheCanaryAndEverybodyIsBackOnTheOldContent) {
  Connect(3);
  ASSERT_EQ(Body(Call("POST", kStages, PolicyOf(2)))["revision"], 3);
  UntilEnd(3, 0, 1000);
  const json ended = Rollout();
  EXPECT_EQ(ended["state"], "rolled_back");
  EXPECT_EQ(ended["reason"], "Refused");
  EXPECT_NE(ended["message"].get<std::string>().find("routes[0]: this agent cannot do that"),
            std::string::npos);
  EXPECT_EQ(ended["rolledBackAs"], 4);
  EXPECT_LE(most_, 1U);
  Until([&] { return On(4).size() == kAgents; });
  EXPECT_EQ(Body(Call("GET", "/api/v1/resources/ServicePolicy/default/cart"))["spec"]["retry"]["attempts"],
            1);
}

TEST_F(RolloutTest, OneThatFailsRequestsStopsAtTheCanary) {
  Connect();
  ASSERT_EQ(Body(Call("POST", kStages, PolicyOf(2)))["revision"], 3);
  UntilEnd(3, 8, 1000);
  EXPECT_EQ(Rollout()["reason"], "HighErrorRate") << Rollout().dump(2);
  EXPECT_EQ(most_, 1U);
  Until([&] { return On(4).size() == kAgents; });
}

TEST_F(RolloutTest, OneThatIsSlowStopsAtTheCanary) {
  Connect();
  ASSERT_EQ(Body(Call("POST", kStages, PolicyOf(2)))["revision"], 3);
  UntilEnd(3, 0, 80'000);
  EXPECT_EQ(Rollout()["reason"], "HighLatency") << Rollout().dump(2);
  EXPECT_EQ(most_, 1U);
}

TEST_F(RolloutTest, ARestartResumesAtTheSameStageForTheSameAgents) {
  Connect();
  ASSERT_EQ(Body(Call("POST", kStages, PolicyOf(2)))["revision"], 3);
  Until([&] { return Rollout()["stage"] == 2; });
  ASSERT_EQ(Call("POST", "/api/v1/rollouts/3:pause").status, 200U);
  Until([&] { return Rollout()["phase"] == "baking"; });
  const std::set<std::string> before = On(3);
  agents.clear();
  End();
  Begin();
  Connect();
  EXPECT_EQ(Rollout()["state"], "paused");
  EXPECT_EQ(Rollout()["stage"], 2);
  Until([&] { return On(3) == before && On(2).size() == kAgents - before.size(); });
  ASSERT_EQ(Call("POST", "/api/v1/rollouts/3:resume").status, 200U);
  UntilEnd(3, 0, 1000);
  EXPECT_EQ(Rollout()["state"], "completed");
}

TEST_F(RolloutTest, PeopleAbortAndPromote) {
  Connect();
  ASSERT_EQ(Body(Call("POST", kStages, PolicyOf(2)))["revision"], 3);
  EXPECT_EQ(Body(Call("POST", "/api/v1/rollouts/3:abort"))["state"], "aborted");
  Until([&] { return On(4).size() == kAgents; });
  EXPECT_EQ(Call("POST", "/api/v1/rollouts/3:abort").status, 409U) << "none runs any more";
  ASSERT_EQ(Body(Call("POST", kStages, PolicyOf(5)))["revision"], 5);
  EXPECT_EQ(Call("POST", "/api/v1/rollouts/5:promote?all=true").status, 200U);
  Until([&] { return Rollout()["state"] == "completed"; });
  Until([&] { return On(5).size() == kAgents; });
}

TEST_F(RolloutTest, WhatCannotBeStagedIsRefusedWithTheField) {
  EXPECT_EQ(Field(Call("POST", "/api/v1/apply?rollout=canary", PolicyOf(2))), "rollout.stages[0]");
  EXPECT_EQ(Field(Call("POST", "/api/v1/apply?rollout=1&bake=soon", PolicyOf(2))), "bake");
  EXPECT_EQ(Field(Call("POST", "/api/v1/apply?bake=1s", PolicyOf(2))), "bake");
  const std::string instances = R"({"apiVersion": "weft.dev/v1", "kind": "MeshService",
    "metadata": {"name": "cart"}, "spec": {"ports": [{"name": "http", "port": 80, "protocol": "HTTP"}],
    "instances": [{"id": "a", "address": "127.0.0.1", "port": 8080}]}})";
  const auto staged = Call("POST", kStages, instances);
  EXPECT_EQ(staged.status, 400U);
  EXPECT_EQ(Field(staged), "rollout") << staged.body;
  EXPECT_EQ(Body(Call("POST", std::string(kStages) + "&dryRun=true", PolicyOf(2)))["rollout"], true);
  EXPECT_EQ(Rollout(), json::object()) << "a dry run begins nothing";
}

}  // namespace
}  // namespace weft::control
