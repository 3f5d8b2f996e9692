#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

constexpr const char* kEnded =
    R"({"revision": 12, "base": 11, "state": "rolled_back", "phase": "", "stage": 1,
  "stages": ["1", "10%", "all"], "principal": "ann", "began": "2024-01-15T09:45:00.000Z",
  "ended": "2024-01-15T09:45:02.000Z", "reason": "HighErrorRate", "message": "stage 1 of 3 (1): 40.0 % failed",
  "evidence": ["stage 1 of 3 (1): 40.0 % failed"], "nodes": ["web-1"], "agents": 1, "converged": 1,
  "candidate": {"requests": 420, "failures": 168, "p95Ms": 1.5}, "others": {"requests": 0, "failures": 0, "p95Ms": 0},
  "rolledBackAs": 13})";

TEST(CtlRolloutTest, StatusTellsWhyItWasTakenBackAndFollowingItFails) {
  Fake fake;
  fake.On("GET /api/v1/rollouts?limit=1", "{\"items\": [" + std::string(kEnded) + "]}")
      .On("GET /api/v1/rollouts/12", kEnded)
      .On("GET /api/v1/rollouts", "{\"items\": [" + std::string(kEnded) + "]}");
  ASSERT_EQ(fake.Run({"rollout", "status"}), 0) << fake.err;
  ExpectGolden(fake.out, "rollout-status");
  EXPECT_EQ(fake.Run({"rollout", "status", "12", "-w"}), 1) << "it was taken back";
  ASSERT_EQ(fake.Run({"rollout", "list"}), 0) << fake.err;
  ExpectGolden(fake.out, "rollout-list");
  Fake empty;
  empty.On("GET /api/v1/rollouts?limit=1", R"({"items": []})");
  EXPECT_EQ(empty.Run({"rollout", "status"}), 1);
  EXPECT_NE(empty.err.find("apply --rollout"), std::string::npos) << empty.err;
}

TEST(CtlRolloutTest, SteeringGoesToTheNewestUnlessOneIsNamed) {
  Fake fake;
  fake.On("GET /api/v1/rollouts?limit=1", "{\"items\": [" + std::string(kEnded) + "]}")
      .On("POST /api/v1/rollouts/12:promote?all=true", kEnded)
      .On("POST /api/v1/rollouts/12:abort", kEnded);
  EXPECT_EQ(fake.Run({"rollout", "promote", "--all"}), 0) << fake.err;
  EXPECT_EQ(fake.Run({"rollout", "abort"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("revision 12: rolled_back"), std::string::npos) << fake.out;
}

TEST(CtlRolloutTest, ApplySaysItsStages) {
  Fake fake;
  fake.input =
      R"({"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": "cart"}, "spec": {"ports": [{"port": 80}]}})";
  fake.On("POST /api/v1/apply?rollout=1%2C50%25&bake=5s",
          R"({"revision": 12, "results": [], "findings": [], "rollout": true})")
      .On("POST /api/v1/apply?rollout=",
          R"({"revision": 13, "results": [], "findings": [], "rollout": true})");
  ASSERT_EQ(fake.Run({"apply", "-f", "-", "--rollout=1,50%", "--bake", "5s"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("revision 12 is being rolled out"), std::string::npos) << fake.out;
  ASSERT_EQ(fake.Run({"apply", "-f", "-", "--rollout"}), 0) << fake.err;
}

TEST(CtlRolloutTest, ExplainNamesTheRolloutOfACandidate) {
  Fake fake;
  fake.On("GET /api/v1/explain/r-1",
          R"({"records": [{"agent": "web-1", "record": {"requestId": "r-1", "revision": 12}}], "asked": 1, "answered": 1})")
      .On("GET /api/v1/rollouts/12", kEnded);
  ASSERT_EQ(fake.Run({"explain", "r-1"}), 0) << fake.err;
  EXPECT_NE(
      fake.out.find("rollout     revision 12 was a candidate: rolled_back, stage 1 of 3 (1): 40.0 % failed"),
      std::string::npos)
      << fake.out;
}

}  // namespace
}  // namespace weft::ctl
