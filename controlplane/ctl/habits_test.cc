// What people's fingers know from kubectl.
#include <filesystem>

#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

constexpr const char* kOneService =
    R"({"items": [{"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": "cart", "namespace": "default"}, "spec": {}}]})";
constexpr const char* kCartDocument =
    R"({"apiVersion": "weft.dev/v1", "kind": "MeshService", "metadata": {"name": "cart", "namespace": "default"}, "spec": {}})";
constexpr const char* kPayRoute =
    R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "pay", "namespace": "default"}, "spec": {}})";
constexpr const char* kNothing = R"({"items": []})";

TEST(HabitsTest, SeveralNamesAndKindsAreOneQuestion) {
  Fake fake;
  fake.On("GET /api/v1/resources/MeshService/default/cart", kCartDocument)
      .On("GET /api/v1/resources/HTTPRoute/default/pay", kPayRoute)
      .On("GET /api/v1/resources/MeshService?namespace=default", kOneService)
      .On("GET /api/v1/resources/HTTPRoute?namespace=default", kNothing)
      .On("GET /api/v1/resources/GRPCRoute?namespace=default", kNothing)
      .On("GET /api/v1/resources/TLSRoute?namespace=default", kNothing)
      .On("GET /api/v1/resources/TCPRoute?namespace=default", kNothing)
      .On("GET /api/v1/resources/ServicePolicy?namespace=default", kNothing)
      .On("GET /api/v1/resources/MeshDefaults", kNothing);
  ASSERT_EQ(fake.Run({"get", "ms/cart", "route/pay", "-o", "name"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "meshservice/cart\nhttproute/pay\n");
  ASSERT_EQ(fake.Run({"get", "ms,routes"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("cart"), std::string::npos) << fake.out;
  EXPECT_EQ(fake.out.find("HOSTNAMES"), std::string::npos)
      << "a kind that has none has no table: " << fake.out;
  ASSERT_EQ(fake.Run({"get", "all", "-o", "name"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "meshservice/cart\n");
  ASSERT_EQ(fake.Run({"get", "ms", "cart", "-o", "yaml"}), 0) << fake.err;
  EXPECT_EQ(fake.out.find("items"), std::string::npos) << "one object is itself: " << fake.out;
  EXPECT_EQ(fake.Run({"get", "ms/cart", "pay"}), 1);
  EXPECT_NE(fake.err.find("KIND/NAME"), std::string::npos) << fake.err;
  EXPECT_EQ(fake.Run({"get", "ms,routes", "-w"}), 1);
  EXPECT_EQ(fake.Run({"history", "-o", "name"}), 1);
  EXPECT_NE(fake.err.find("only weftctl get"), std::string::npos) << fake.err;
}

TEST(HabitsTest, DeleteTakesWhatGetPrints) {
  Fake fake;
  fake.On("DELETE /api/v1/resources/MeshService/default/cart?dryRun=true", "{}")
      .On("DELETE /api/v1/resources/HTTPRoute/default/pay?dryRun=true", "{}");
  ASSERT_EQ(fake.Run({"delete", "meshservice/cart", "httproute/pay", "--dry-run=server"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "meshservice \"cart\" deleted (dry run)\nhttproute \"pay\" deleted (dry run)\n");
  EXPECT_EQ(fake.Run({"delete", "ms"}), 1);
  EXPECT_EQ(fake.Run({"delete"}), 1);
  EXPECT_NE(fake.err.find("weftctl delete KIND NAME"), std::string::npos) << fake.err;
}

TEST(HabitsTest, FoldersInFoldersAreLookedIntoWhenAsked) {
  const std::string folder = testing::TempDir() + "weftctl-folders";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder + "/below");
  std::ofstream(folder + "/below/cart.yaml")
      << "{apiVersion: weft.dev/v1, kind: MeshService, metadata: {name: cart}, spec: {ports: [{port: 80}]}}";
  Fake fake;
  EXPECT_EQ(fake.Run({"validate", folder}), 1);
  EXPECT_NE(fake.err.find("-R"), std::string::npos) << fake.err;
  ASSERT_EQ(fake.Run({"validate", folder, "-R"}), 0) << fake.err;
  fake.On("POST /api/v1/apply?dryRun=true",
          R"({"revision": 1, "dryRun": true, "findings": [],
              "results": [{"kind": "MeshService", "namespace": "default", "name": "cart", "action": "created"}]})");
  ASSERT_EQ(fake.Run({"apply", "-R", "-f", folder, "--dry-run=client"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "meshservice/cart created (dry run)\n");
  std::filesystem::remove_all(folder);
}

TEST(HabitsTest, ProxyConfigTellsWhatAnAgentHoldsAndRefuses) {
  Fake fake;
  fake.On("GET /api/v1/agents/cart-1/config", R"({
    "agent": {"id": "cart-1", "held": {"storeId": "0123", "epoch": 1, "revision": 7}}, "refused": "",
    "bundles": [{"service": "default/cart", "hash": "8f14e45fceea167a", "endpointsVersion": 3},
                {"service": "default/pay", "hash": "c9f0f895fb98ab91", "endpointsVersion": 1}],
    "rejected": [{"service": "default/pay", "field": "ports[0].port", "reason": "must be 1 to 65535"}]})");
  ASSERT_EQ(fake.Run({"proxy-config", "cart-1"}), 0) << fake.err;
  ExpectGolden(fake.out, "proxy-config");
  ASSERT_EQ(fake.Run({"proxy-config", "cart-1", "-o", "wide"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("8f14e45fceea167a"), std::string::npos) << fake.out;
}

}  // namespace
}  // namespace weft::ctl
