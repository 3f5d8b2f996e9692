#include "controlplane/api/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

TEST(JsonTest, APageOfDocumentsIsWhatEachDocumentIsAlone) {
  const resource::Parsed parsed = resource::ParseDocuments(R"(
kind: MeshService
apiVersion: weft.dev/v1
metadata: {name: cart, annotations: {note: '},"spec":{ "quoted" '}}
spec: {ports: [{port: 80}]}
---
kind: MeshDefaults
apiVersion: weft.dev/v1
metadata: {name: default}
spec: {retry: {attempts: 1}}
)",
                                                           "");
  ASSERT_EQ(parsed.documents.size(), 2U);
  v1::ListResourcesResponse page;
  for (const resource::DocumentPtr& document : parsed.documents)
    *page.add_resources() = ResourceProto(KeyOfDocument(*document), document->json, "api", 7);
  page.set_revision(9);
  page.set_next("a \"b\"");
  const Json said = Json::parse(ToText(page));
  ASSERT_EQ(said["items"].size(), 2U);
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(said["items"][static_cast<std::size_t>(i)], ToJson(page.resources(i)));
  EXPECT_EQ(said["items"][0]["metadata"]["resourceVersion"], "7");
  EXPECT_EQ(said["revision"], 9);
  EXPECT_EQ(said["continue"], page.next());
  page.clear_resources();
  EXPECT_TRUE(Json::parse(ToText(page))["items"].empty());
}

}  // namespace
}  // namespace weft::api
