// Selectors, pages, conditions and dry runs, by REST.
#include "controlplane/app/program_fixture.h"

namespace weft::control {
namespace {

class SelectTest : public ProgramTest {
 protected:
  SelectTest() { Begin(); }
  static std::string Service(const std::string& ns, const std::string& name, const std::string& labels = {}) {
    return "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {namespace: " + ns + ", name: " + name +
           ", labels: {" + labels + "}}\nspec: {ports: [{port: 80}]}\n---\n";
  }
  // "ns/name ns/name …" of a list's items, and what follows the last page's mark.
  std::string Names(const std::string& target) {
    const auto answer = Call("GET", "/api/v1/" + target);
    if (answer.status != 200) return Field(answer) + "?";
    std::string names;
    const json body = Body(answer);
    for (const json& item : body["items"]) {
      const json& about = item.contains("metadata") ? item["metadata"] : item;
      names += about.value("namespace", "") + "/" + about.value("name", "") + " ";
    }
    return names;
  }
};

TEST_F(SelectTest, LabelsAndFieldsChooseAndAWrongSelectorNamesItself) {
  ASSERT_EQ(Apply(Service("shop", "cart", "app: cart, zone: a") + Service("shop", "stock", "app: stock") +
                  Service("ops", "log", "zone: b"))
                .status,
            200);
  EXPECT_EQ(Names("services?labelSelector=zone%20in%20(a,b)"), "ops/log shop/cart ");
  EXPECT_EQ(Names("services?labelSelector=!zone"), "shop/stock ");
  EXPECT_EQ(Names("services?namespace=shop&fieldSelector=metadata.name!=cart"), "shop/stock ");
  EXPECT_EQ(Names("resources?labelSelector=app=cart"), "shop/cart ");
  EXPECT_EQ(Names("resources/meshservices?fieldSelector=metadata.namespace==ops"), "ops/log ");
  EXPECT_EQ(Names("resources?fieldSelector=kind!=MeshService"), "");
  EXPECT_EQ(Names("services?labelSelector=a+in"), "labelSelector?");
  EXPECT_EQ(Names("resources?fieldSelector=spec.x=1"), "fieldSelector?");
  EXPECT_EQ(Names("agents?labelSelector==x"), "labelSelector?");
  ASSERT_EQ(Call("PUT", "/api/v1/services/shop/cart/instances/a",
                 R"({"address": "127.0.0.1", "port": 1, "labels": {"v": "1"}})")
                .status,
            200);
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/shop/cart/instances?labelSelector=v=1"))["items"].size(), 1U);
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/shop/cart/instances?labelSelector=v=2"))["items"].size(), 0U);
}

TEST_F(SelectTest, PagesShowEachOnceAlsoWhenANameBeginsWithAnother) {
  ASSERT_EQ(Apply(Service("a", "z") + Service("a-b", "x") + Service("a-b", "y") + Service("a", "b")).status,
            200);
  for (const std::string list : {"services", "resources", "resources/MeshService"}) {
    std::string names, mark;
    do {
      const json page =
          Body(Call("GET", "/api/v1/" + list + "?limit=1&continue=" + http::PercentEncode(mark)));
      for (const json& item : page["items"]) {
        const json& about = item.contains("metadata") ? item["metadata"] : item;
        names += about["namespace"].get<std::string>() + "/" + about["name"].get<std::string>() + " ";
      }
      mark = page["continue"];
    } while (!mark.empty());
    EXPECT_EQ(names, "a/b a/z a-b/x a-b/y ") << list;
  }
  EXPECT_EQ(Field(Call("GET", "/api/v1/services?continue=x")), "continue");
  EXPECT_EQ(Field(Call("GET", "/api/v1/services?limit=-1")), "limit");
}

TEST_F(SelectTest, AnUnknownQueryParameterIsRefusedAndNothingIsWritten) {
  EXPECT_EQ(Field(Call("POST", "/api/v1/apply?dryrun=true", kCart)), "dryrun");
  EXPECT_EQ(Call("GET", "/api/v1/services/default/cart").status, 404);
  EXPECT_EQ(Field(Call("GET", "/api/v1/services?selector=a")), "selector");
  EXPECT_EQ(Field(Call("POST", "/api/v1/agents/x:accept?dryRun=true")), "dryRun");
}

TEST_F(SelectTest, DryRunsOfServicesAndInstancesChangeNothing) {
  const std::string service = "/api/v1/services/default/cart", instance = service + "/instances/a";
  const std::string body = R"({"address": "127.0.0.1", "port": 1})";
  EXPECT_EQ(Call("PUT", service + "?dryRun=true", R"({"ports": [{"port": 80}]})").status, 200);
  EXPECT_EQ(Call("GET", service).status, 404);
  EXPECT_EQ(Call("PUT", service + "?dryRun=true", R"({"ports": []})").status, 400);
  ASSERT_EQ(Apply(kCart).status, 200);
  EXPECT_EQ(Call("PUT", instance + "?dryRun=true", body).status, 200);
  EXPECT_EQ(Call("GET", instance).status, 404);
  EXPECT_EQ(Field(Call("PUT", instance + "?dryRun=maybe", body)), "dryRun");
  ASSERT_EQ(Call("PUT", instance, body).status, 200);
  EXPECT_EQ(Call("DELETE", instance + "?dryRun=true").status, 200);
  EXPECT_EQ(Call("GET", instance).status, 200);
  EXPECT_EQ(Body(Call("DELETE", service + "?dryRun=true"))["revision"], 1);
  EXPECT_EQ(Call("GET", service).status, 200);
}

TEST_F(SelectTest, AnInstanceHasAnEtagOfWhatWasRegistered) {
  ASSERT_EQ(Apply(kCart).status, 200);
  const std::string instance = "/api/v1/services/default/cart/instances/a";
  const std::string body = R"({"address": "127.0.0.1", "port": 1, "ttl": "1h"})";
  EXPECT_EQ(Call("PUT", instance, body, {{"If-Match", "*"}}).status, 412);
  const auto made = Call("PUT", instance, body, {{"If-None-Match", "*"}});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(Call("PUT", instance, body, {{"If-None-Match", "*"}}).status, 412);
  const std::string etag(made.Header("ETag"));
  const auto read = Call("GET", instance);
  EXPECT_EQ(read.Header("ETag"), etag) << "the lease's rest is no part of it";
  EXPECT_EQ(Call("GET", instance, {}, {{"If-None-Match", "\"x\", W/" + etag}}).status, 304);
  const std::string other = R"({"address": "127.0.0.2", "port": 1})";
  EXPECT_EQ(Call("PUT", instance, other, {{"If-Match", etag}}).status, 200);
  EXPECT_EQ(Call("PUT", instance, other, {{"If-Match", etag}}).status, 412);
  EXPECT_EQ(Call("DELETE", instance, {}, {{"If-Match", etag}}).status, 412);
  EXPECT_EQ(Call("PUT", instance, read.body).status, 200) << "an answer can be sent back";
  EXPECT_EQ(Call("DELETE", instance, {}, {{"If-Match", etag}}).status, 200);
}

TEST_F(SelectTest, AListOfResourcesIsFreshUntilTheNextWrite) {
  ASSERT_EQ(Apply(kCart).status, 200);
  const std::string etag(Call("GET", "/api/v1/resources").Header("ETag"));
  EXPECT_EQ(etag, "\"1\"");
  EXPECT_EQ(Call("GET", "/api/v1/resources", {}, {{"If-None-Match", etag}}).status, 304);
  ASSERT_EQ(Apply(kRoute).status, 200);
  EXPECT_EQ(Call("GET", "/api/v1/resources", {}, {{"If-None-Match", etag}}).status, 200);
  const std::string absent = "/api/v1/services/default/absent";
  EXPECT_EQ(Call("PUT", absent, R"({"ports": [{"port": 80}]})", {{"If-Match", "*"}}).status, 412);
}

TEST_F(ProgramTest, InstancesComeInPagesAndListsHaveEtags) {
  Begin();
  ASSERT_EQ(Apply(kCart).status, 200);
  const std::string list = "/api/v1/services/default/cart/instances";
  for (const char* id : {"c", "a", "d", "b", "e"})
    ASSERT_EQ(ProgramTest::Call("PUT", list + "/" + id, R"({"address": "10.0.0.1", "port": 80})").status,
              200);
  std::string seen, mark;
  do {
    const json page = Body(ProgramTest::Call("GET", list + "?limit=2&continue=" + mark));
    EXPECT_LE(page["items"].size(), 2U);
    for (const json& item : page["items"]) seen += item["id"];
    mark = page["continue"];
  } while (!mark.empty());
  EXPECT_EQ(seen, "abcde");
  EXPECT_EQ(Field(ProgramTest::Call("GET", list + "?limit=x")), "limit");
  for (const std::string& path : {list, std::string("/api/v1/services")}) {
    const auto first = ProgramTest::Call("GET", path);
    const http::Fields known{{"If-None-Match", std::string(first.Header("ETag"))}};
    EXPECT_EQ(ProgramTest::Call("GET", path, {}, known).status, 304) << path;
    ASSERT_EQ(
        ProgramTest::Call("PUT", list + "/a", R"({"address": "10.0.0.1", "port": 80, "health": "unhealthy"})")
            .status,
        200);
    EXPECT_EQ(ProgramTest::Call("GET", path, {}, known).status, 200) << path;
    ASSERT_EQ(ProgramTest::Call("PUT", list + "/a", R"({"address": "10.0.0.1", "port": 80})").status, 200);
  }
}

}  // namespace
}  // namespace weft::control
