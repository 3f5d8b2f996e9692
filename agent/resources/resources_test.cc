#include "agent/resources/resources.h"

#include <gtest/gtest.h>

namespace weft::resources {
namespace {

constexpr const char* kMesh = R"(apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart, namespace: shop}
spec:
  ports: [{name: http, port: 80, protocol: HTTP}]
  instances: [{id: cart-1, address: 127.0.0.1, port: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{kind: MeshService, group: weft.dev, name: cart}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /}}]
    backendRefs: [{kind: MeshService, group: weft.dev, name: cart, port: 80}]
)";

TEST(ResourcesTest, FilesBecomeOneFullSetThatTheBuilderTakes) {
  const Result<snapshot::Delta> delta = CompileTexts({{"mesh.yaml", kMesh}, {"empty.yaml", "\n"}}, {});
  ASSERT_TRUE(delta) << delta.error().Text();
  ASSERT_EQ(delta->bundles.size(), 1u);
  EXPECT_EQ(delta->bundles[0]->hash.size(), 64u);
  EXPECT_EQ(delta->endpoints.at(0).endpoints->instances.at(0).id, "cart-1");
  snapshot::Builder builder([] { return std::set<ServiceKey>(); });
  snapshot::Delta first = *delta;
  first.version = snapshot::Version{{}, 1, 1};
  const snapshot::Outcome outcome = builder.Apply(first);
  EXPECT_FALSE(outcome.refused) << outcome.refused->Text();
  const snapshot::Service* cart = builder.snapshot()->Find({"local", "shop", "cart"});
  ASSERT_NE(cart, nullptr);
  EXPECT_EQ(cart->endpoints->instances.size(), 1u);
}

TEST(ResourcesTest, EveryComplaintNamesFileLineAndField) {
  const std::string bad =
      "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: a}\nspec: {prots: []}\n";
  const Result<snapshot::Delta> delta = CompileTexts({{"one.yaml", bad}, {"two.yaml", bad}}, {});
  ASSERT_FALSE(delta);
  EXPECT_NE(delta.error().Text().find("one.yaml:4:"), std::string::npos) << delta.error().Text();
  EXPECT_NE(delta.error().Text().find("two.yaml:4:"), std::string::npos);
  EXPECT_NE(delta.error().Text().find("prots"), std::string::npos) << delta.error().Text();
}

}  // namespace
}  // namespace weft::resources
