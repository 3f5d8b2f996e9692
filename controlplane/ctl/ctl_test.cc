#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

constexpr const char* kServices = R"({"items": [
  {"namespace": "default", "name": "cart", "ports": [{"name": "http", "port": 80, "protocol": "HTTP"}], "labels": {"team": "shop"},
   "instances": 3, "healthy": 2, "source": "api", "revision": 4},
  {"namespace": "default", "name": "prices", "ports": [{"name": "", "port": 9000, "protocol": ""}], "instances": 0, "healthy": 0, "source": "files"},
  {"namespace": "ops", "name": "log", "ports": [], "instances": 1, "healthy": 1, "source": "api"}]})";

TEST(GetTest, ServicesOfTheNamespaceAsATable) {
  Json some = Json::parse(kServices);
  some["items"].erase(2);
  Fake fake;
  fake.On("GET /api/v1/services?namespace=default", some.dump()).On("GET /api/v1/services", kServices);
  ASSERT_EQ(fake.Run({"get", "services"}), 0) << fake.err;
  ExpectGolden(fake.out, "get-services");
  ASSERT_EQ(fake.Run({"get", "svc", "-A", "-o", "wide"}), 0) << fake.err;
  ExpectGolden(fake.out, "get-services-all-wide");
}

TEST(GetTest, SelectorsGoToTheServerAndEveryPageIsRead) {
  const auto page = [](const char* name, const char* next) {
    return R"({"items": [{"namespace": "shop", "name": ")" + std::string(name) + R"("}], "continue": ")" +
           next + "\"}";
  };
  const std::string target =
      "GET "
      "/api/v1/"
      "services?namespace=shop&labelSelector=app%20in%20%28a%2Cb%29&fieldSelector=metadata.name%21%3Dx";
  Fake fake;
  fake.On(target, page("first", "MeshService shop/second"))
      .On(target + "&continue=MeshService%20shop%2Fsecond", page("second", ""));
  ASSERT_EQ(
      fake.Run({"get", "svc", "-n", "shop", "-l", "app in (a,b)", "--field-selector", "metadata.name!=x"}), 0)
      << fake.err;
  EXPECT_NE(fake.out.find("first"), std::string::npos) << fake.out;
  EXPECT_NE(fake.out.find("second"), std::string::npos) << fake.out;
}

TEST(GetTest, RoutesPoliciesAndOneObjectAsYaml) {
  const std::string route = R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
    "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"hostnames": ["a.example"],
    "parentRefs": [{"kind": "Service", "name": "cart", "port": 80}],
    "rules": [{"timeouts": {"request": "010"}}, {"filters": []}]}})";
  Fake fake;
  fake.On("GET /api/v1/resources/HTTPRoute?namespace=shop", "{\"items\": [" + route + "]}")
      .On("GET /api/v1/resources/HTTPRoute/shop/cart", route);
  ASSERT_EQ(fake.Run({"get", "httproutes", "-n", "shop"}), 0) << fake.err;
  ExpectGolden(fake.out, "get-httproutes");
  ASSERT_EQ(fake.Run({"get", "httproute/cart", "-n", "shop", "-o", "yaml"}), 0) << fake.err;
  ExpectGolden(fake.out, "get-httproute-yaml");
  ASSERT_EQ(fake.Run({"get", "route", "shop/cart", "-o", "json"}), 0) << fake.err;
  EXPECT_EQ(Json::parse(fake.out), Json::parse(route));
}

TEST(GetTest, AWatchPrintsTheTableThenEachChange) {
  const auto event = [](const char* type, const char* name) {
    return R"({"type": ")" + std::string(type) +
           R"(", "revision": 3, "resource": {"apiVersion": "weft.dev/v1", "kind": "ServicePolicy",
 "metadata": {"name": ")" +
           name + R"("}, "spec": {}}})";
  };
  const auto line = [&](const char* type, const char* name) {
    std::string text = event(type, name);
    text.erase(std::remove(text.begin(), text.end(), '\n'), text.end());
    return text + "\n";
  };
  const std::string bookmark = "{\"type\": \"BOOKMARK\", \"revision\": 3}\n";
  Fake fake;
  fake.On("GET /api/v1/resources/ServicePolicy?namespace=default&watch=true",
          line("ADDED", "cart") + line("ADDED", "longer-name") + bookmark + line("MODIFIED", "cart") +
              line("DELETED", "longer-name"))
      .On("GET /api/v1/resources/ServicePolicy?namespace=shop&fieldSelector=metadata.name%3Dcart&watch=true",
          bookmark + line("ADDED", "cart") +
              R"({"type": "ERROR", "error": {"code": "gone", "message": "list again"}})" + "\n");
  ASSERT_EQ(fake.Run({"get", "sp", "-w"}), 0) << fake.err;
  ExpectGolden(fake.out, "get-watch");
  ASSERT_EQ(fake.Run({"get", "sp", "-w", "-o", "json"}), 0) << fake.err;
  EXPECT_EQ(std::count(fake.out.begin(), fake.out.end(), '\n'), 5);
  EXPECT_EQ(fake.Run({"get", "sp", "shop/cart", "-w"}), 1);
  EXPECT_EQ(fake.err, "error: list again\n");
  EXPECT_EQ(fake.Run({"get", "services", "-w"}), 1);
}

TEST(GetTest, NothingFoundIsSaidAndIsNoFailure) {
  Fake fake;
  fake.On("GET /api/v1/resources/ServicePolicy?namespace=default", "{\"items\": []}");
  EXPECT_EQ(fake.Run({"get", "sp"}), 0);
  EXPECT_EQ(fake.out, "");
  EXPECT_EQ(fake.err, "No resources found in namespace default.\n");
}

TEST(GetTest, AnEmptyListOfDocumentsAppliesAsNoChangeAndAViewSaysWhatToApplyInstead) {
  Fake fake;
  fake.On("GET /api/v1/resources/HTTPRoute?namespace=default", "{\"items\": []}")
      .On("GET /api/v1/services?namespace=default",
          R"({"items": [{"namespace": "default", "name": "cart"}]})");
  ASSERT_EQ(fake.Run({"get", "httproutes", "-o", "yaml"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("kind: List"), std::string::npos) << fake.out;
  fake.input = fake.out;
  EXPECT_EQ(fake.Run({"apply", "-f", "-"}), 0) << fake.err;
  EXPECT_EQ(fake.err, "The list is empty: nothing was applied.\n");
  ASSERT_EQ(fake.Run({"get", "services", "-o", "yaml"}), 0) << fake.err;
  fake.input = fake.out;
  EXPECT_EQ(fake.Run({"apply", "-f", "-"}), 1);
  EXPECT_NE(fake.err.find("weftctl get meshservice -o yaml"), std::string::npos) << fake.err;
}

TEST(GetTest, AnUnknownKindAReservedOneAndAWrongFormatSayWhatThereIs) {
  Fake fake;
  EXPECT_EQ(fake.Run({"get", "potatoes"}), 1);
  EXPECT_NE(fake.err.find("httproutes"), std::string::npos) << fake.err;
  EXPECT_EQ(fake.Run({"get", "services", "-o", "xml"}), 1);
  EXPECT_NE(fake.err.find("table, wide, json or yaml"), std::string::npos) << fake.err;
  EXPECT_EQ(fake.Run({"frobnicate"}), 2);
  EXPECT_TRUE(fake.asked.empty());
}

TEST(ClientTest, FailuresNameTheRemedy) {
  Fake fake;
  EXPECT_EQ(fake.Run({"get", "services"}), 1);
  EXPECT_EQ(fake.err,
            "error: cannot reach 127.0.0.1:15014: connection refused; is weft-control running there? "
            "--server and WEFT_SERVER say where\n");
  fake.On("GET /api/v1/services?namespace=default",
          R"({"error": {"code": "unauthenticated", "message": "no token"}})", 401);
  EXPECT_EQ(fake.Run({"get", "services"}), 1);
  EXPECT_NE(fake.err.find("--token-file"), std::string::npos) << fake.err;
  fake.On("GET /api/v1/services?namespace=default", "<html>");
  EXPECT_EQ(fake.Run({"get", "services"}), 1);
  EXPECT_NE(fake.err.find("right port"), std::string::npos) << fake.err;
}

TEST(ClientTest, FlagsWinOverTheEnvironmentAndTheTokenIsTheFirstWord) {
  const std::string path = testing::TempDir() + "weftctl-token";
  std::ofstream(path) << "s3cret demo admin\n";
  Fake fake;
  fake.variables = {{"WEFT_SERVER", "10.0.0.1:1"}, {"WEFT_TOKEN_FILE", path}};
  fake.On("GET /api/v1/services?namespace=default", kServices);
  ASSERT_EQ(fake.Run({"get", "services"}), 0);
  EXPECT_EQ(fake.dialled, "10.0.0.1:1");
  EXPECT_EQ(fake.token, "s3cret");
  ASSERT_EQ(fake.Run({"--server", "10.0.0.2:2", "get", "services"}), 0);
  EXPECT_EQ(fake.dialled, "10.0.0.2:2");
  EXPECT_EQ(fake.Run({"--token-file", "/nonexistent", "get", "services"}), 1);
  EXPECT_NE(fake.err.find("/nonexistent"), std::string::npos) << fake.err;
}

constexpr const char* kCart =
    "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: cart, namespace: default}\nspec:\n"
    "  ports: [{name: http, port: 80, protocol: HTTP}]\n";

TEST(DiffTest, AFileIsComparedWithTheServersDocumentAfterTheServerCheckedIt) {
  Fake fake;
  fake.input = kCart;
  fake.On("POST /api/v1/apply?dryRun=true", R"({"results": []})")
      .On("GET /api/v1/resources/MeshService/default/cart",
          R"({"apiVersion": "weft.dev/v1", "kind": "MeshService",
    "metadata": {"name": "cart", "namespace": "default", "creationTimestamp": "2024-01-15T09:49:28Z", "resourceVersion": "3"},
    "spec": {"ports": [{"name": "http", "port": 81, "protocol": "HTTP"}]}})");
  EXPECT_EQ(fake.Run({"diff", "-f", "-"}), 1) << fake.err;
  ExpectGolden(fake.out, "diff");
  fake.On("GET /api/v1/resources/MeshService/default/cart",
          R"({"error": {"code": "not_found", "message": "no"}})", 404);
  EXPECT_EQ(fake.Run({"diff", "-f", "-"}), 1) << fake.err;
  EXPECT_NE(fake.out.find("@@ -0,0 +1,"), std::string::npos) << fake.out;
  fake.On("POST /api/v1/apply?dryRun=true", R"({"error": {"code": "invalid", "message": "bad"}})", 400);
  EXPECT_EQ(fake.Run({"diff", "-f", "-"}), 2);
  EXPECT_EQ(fake.err, "error: bad\n");
}

TEST(ApplyTest, DocumentsGoInOneRequestAndEachResultIsPrinted) {
  Fake fake;
  fake.input = kCart;
  fake.On(
      "POST /api/v1/apply",
      R"({"revision": 3, "dryRun": false, "results": [{"kind": "MeshService", "namespace": "default", "name": "cart", "action": "created"}]})");
  ASSERT_EQ(fake.Run({"apply", "-f", "-"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "meshservice/cart created\n");
  fake.On(
      "POST /api/v1/apply?dryRun=true",
      R"({"dryRun": true, "results": [{"kind": "MeshService", "namespace": "default", "name": "cart", "action": "unchanged"}]})");
  fake.input = kCart;
  ASSERT_EQ(fake.Run({"apply", "--dry-run", "-f", "-"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "meshservice/cart unchanged (dry run)\n");
}

TEST(ApplyTest, AWrongDocumentIsNamedWithItsPlaceAndNothingIsSent) {
  Fake fake;
  fake.input =
      "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: cart}\nspec:\n  ports: [{port: many}]\n";
  EXPECT_EQ(fake.Run({"apply", "-f", "-"}), 1);
  EXPECT_NE(fake.err.find("standard input:5:"), std::string::npos) << fake.err;
  EXPECT_NE(fake.err.find("nothing was applied"), std::string::npos) << fake.err;
  EXPECT_TRUE(fake.asked.empty());
  EXPECT_EQ(fake.Run({"apply", "-f", "/nonexistent.yaml"}), 1);
  EXPECT_NE(fake.err.find("/nonexistent.yaml"), std::string::npos);
}

TEST(CtlValidateTest, GoodDocumentsCountAndBadOnesAreNamedWithoutAServer) {
  Fake fake;
  fake.input = kCart;
  EXPECT_EQ(fake.Run({"validate", "-f", "-"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "1 document(s) valid, 1 service(s)\n");
  fake.input = "kind: MeshService\nkind: MeshService\n";
  EXPECT_EQ(fake.Run({"validate", "-f", "-"}), 1);
  EXPECT_NE(fake.err.find("standard input:"), std::string::npos) << fake.err;
  EXPECT_TRUE(fake.asked.empty());
}

TEST(AnalyzeTest, FilesOfflineWithTheirPlacesAndCodesThatCanBeLeftOut) {
  Fake fake;
  fake.input = std::string(kCart) + R"(---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: p}
spec: {targetRefs: [{group: weft.dev, kind: MeshService, name: nobody}], retry: {attempts: 1}}
)";
  ASSERT_EQ(fake.Run({"analyze", "-"}), 0) << fake.err;
  EXPECT_TRUE(fake.out.starts_with("Warning [TargetNotFound] (ServicePolicy default/p standard input:"))
      << fake.out;
  EXPECT_EQ(fake.Run({"analyze", "-", "--fail-on", "warning"}), 1);
  EXPECT_EQ(fake.Run({"analyze", "-", "--fail-on", "warning", "-S", "TargetNotFound"}), 0);
  EXPECT_TRUE(fake.out.starts_with("nothing found in 2 document(s)")) << fake.out;
  ASSERT_EQ(fake.Run({"analyze", "-", "-o", "json"}), 0);
  EXPECT_EQ(Json::parse(fake.out)["items"][0]["code"], "TargetNotFound");
  fake.input = "kind: Nothing\n";
  EXPECT_EQ(fake.Run({"analyze", "-"}), 1);
  EXPECT_TRUE(fake.out.starts_with("Error [Invalid] (standard input:")) << fake.out;
  EXPECT_TRUE(fake.asked.empty());
}

TEST(AnalyzeTest, WithoutFilesTheServersDocumentsAreRead) {
  Fake fake;
  for (const std::string kind :
       {"MeshService", "HTTPRoute", "MeshDefaults", "TLSRoute", "TCPRoute", "GRPCRoute"})
    fake.On("GET /api/v1/resources/" + kind, R"({"items": []})");
  fake.On("GET /api/v1/resources/ServicePolicy", R"({"items": [{"apiVersion": "weft.dev/v1",
    "kind": "ServicePolicy", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"retry": {"attempts": 1},
    "targetRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "cart"}]}}]})");
  ASSERT_EQ(fake.Run({"analyze"}), 0) << fake.err;
  EXPECT_TRUE(fake.out.starts_with("Warning [TargetNotFound] (ServicePolicy shop/p) spec.targetRefs[0]: "))
      << fake.out;
}

TEST(CtlEventsTest, ATableAndWhatComesUntilTheServerIsGone) {
  Fake fake;
  const std::string event = R"({"number": 7, "type": "Warning", "reason": "LeaseLapsed", "count": 2,
    "object": {"kind": "MeshService", "namespace": "default", "name": "cart"}, "message": "instance a",
    "firstSeen": "2024-01-15T09:20:00.000Z", "lastSeen": "2024-01-15T09:29:00.000Z"})";
  fake.On("GET /api/v1/events?after=0&type=Warning", R"({"items": [)" + event + R"(], "last": 7})");
  ASSERT_EQ(fake.Run({"events", "--type", "Warning"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("Warning   LeaseLapsed   MeshService default/cart   2       instance a"),
            std::string::npos)
      << fake.out;
  EXPECT_EQ(fake.Run({"events", "--type", "Warning", "-w"}), 1);
  EXPECT_EQ(fake.out,
            "2024-01-15T09:29:00.000Z   Warning   LeaseLapsed   MeshService default/cart   instance a\n");
  EXPECT_EQ(fake.asked.back().target, "/api/v1/events?after=7&type=Warning");
}

TEST(DeleteTest, ByKindByInstanceAndWhatIsMissing) {
  Fake fake;
  fake.On("DELETE /api/v1/resources/HTTPRoute/shop/cart", "{}");
  fake.On("DELETE /api/v1/services/default/cart/instances/cart-1", "");
  fake.On("DELETE /api/v1/resources/HTTPRoute/default/x",
          R"({"error": {"code": "not_found", "message": "there is no HTTPRoute default/x"}})", 404);
  ASSERT_EQ(fake.Run({"delete", "httproute", "shop/cart"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "httproute \"cart\" deleted\n");
  ASSERT_EQ(fake.Run({"delete", "instance", "cart/cart-1"}), 0) << fake.err;
  EXPECT_EQ(fake.Run({"delete", "httproute", "x"}), 1);
  EXPECT_EQ(fake.err, "error: there is no HTTPRoute default/x\n");
  EXPECT_EQ(fake.Run({"delete", "httproute", "x", "--ignore-not-found"}), 0);
}

TEST(InstancesTest, TheTableShowsHealthAndWhereEachComesFrom) {
  Fake fake;
  fake.On("GET /api/v1/services/demo/cart/instances", R"({"items": [
    {"id": "cart-1", "address": "10.0.0.1", "port": 8080, "weight": 1, "zone": "a", "health": "healthy", "source": "registered", "ttl": "30s", "labels": {"v": "1"}},
    {"id": "cart-2", "address": "10.0.0.2", "ports": {"http": 8080}, "weight": 0, "draining": true, "source": "static"}]})");
  ASSERT_EQ(fake.Run({"instances", "-n", "demo", "cart"}), 0) << fake.err;
  ExpectGolden(fake.out, "instances");
  fake.On("GET /api/v1/services/demo/web/instances", R"({"items": [
    {"id": "web-1", "address": "10.0.0.1", "port": 8080, "health": "healthy", "score": 78, "labels": "v=1",
     "scoreParts": {"standing": 1.0, "errors": 0.85, "speed": 0.92}},
    {"id": "web-2", "address": "10.0.0.2", "port": 8080, "health": "healthy"}]})");
  ASSERT_EQ(fake.Run({"instances", "-n", "demo", "web", "-o", "wide"}), 0) << fake.err;
  EXPECT_NE(fake.out.find("78 (standing 1 x errors 0.85 x speed 0.92)"), std::string::npos) << fake.out;
}

TEST(RegisterTest, WhatIsTypedIsWhatIsSent) {
  Fake fake;
  fake.On("PUT /api/v1/services/demo/web/instances/web-1", "{}");
  ASSERT_EQ(fake.Run({"register", "demo/web", "web-1", "--address", "127.0.0.1", "--port", "8080", "--meshed",
                      "--label", "v=1", "--ttl", "30s"}),
            0)
      << fake.err;
  EXPECT_EQ(Json::parse(fake.asked[0].body),
            Json::parse(R"({"id": "web-1", "address": "127.0.0.1", "weight": 1, "port": 8080,
    "labels": {"v": "1"}, "ttl": "30s", "capabilities": {"meshed": true}})"));
  EXPECT_EQ(fake.Run({"register", "web", "web-1", "--address", "web.local", "--port", "1"}), 1);
  EXPECT_NE(fake.err.find("--address"), std::string::npos) << fake.err;
  EXPECT_EQ(fake.Run({"register", "web", "web-1", "--address", "127.0.0.1"}), 1);
  EXPECT_NE(fake.err.find("--ports"), std::string::npos) << fake.err;
}

constexpr const char* kAgents = R"({"items": [
  {"id": "cart-1", "namespace": "demo", "service": "cart", "version": "0.1.0", "connectedSince": "2024-01-15T09:48:20Z",
   "target": {"storeId": "s", "epoch": 1, "revision": 7}, "held": {"storeId": "s", "epoch": 1, "revision": 7}, "partial": false, "subscriptions": 2},
  {"id": "web-1", "namespace": "demo", "service": "web", "version": "0.0.9", "connectedSince": "2024-01-15T06:26:40Z",
   "target": {"storeId": "s", "epoch": 1, "revision": 7}, "held": {"storeId": "s", "epoch": 1, "revision": 6}, "partial": true, "subscriptions": 3,
   "lastNack": {"service": "demo/cart", "field": "ports[0].port", "reason": "must be 1 to 65535"}}]})";

TEST(AgentsTest, TheTableNamesWhatWasRefused) {
  Fake fake;
  fake.On("GET /api/v1/agents", kAgents).On("POST /api/v1/agents/web-1:accept", "{}");
  ASSERT_EQ(fake.Run({"agents"}), 0) << fake.err;
  ExpectGolden(fake.out, "agents");
  fake.On("GET /api/v1/agents?namespace=other", R"({"items": []})");
  ASSERT_EQ(fake.Run({"agents", "list", "-n", "other"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "");
  ASSERT_EQ(fake.Run({"agents", "accept", "web-1"}), 0) << fake.err;
}

TEST(CheckTest, EachFindingIsInLinkerdsForm) {
  Fake fake;
  fake.On("GET /api/v1/version", R"({"version": "0.1.0"})")
      .On("GET /api/v1/services", kServices)
      .On("GET /api/v1/agents", kAgents);
  EXPECT_EQ(fake.Run({"check"}), 1);
  ExpectGolden(fake.out, "check");
  EXPECT_EQ(fake.err, "");
  EXPECT_EQ(fake.Run({"check", "-o", "json"}), 1);
  EXPECT_EQ(Json::parse(fake.out)["success"], false);
  Fake nobody;
  EXPECT_EQ(nobody.Run({"check"}), 1);
  ExpectGolden(nobody.out, "check-unreachable");
}

TEST(VersionTest, BothVersionsOrOnlyOurs) {
  Fake fake;
  EXPECT_EQ(fake.Run({"version", "--client"}), 0);
  EXPECT_EQ(fake.out, "Client version: 0.1.0\n");
  fake.On("GET /api/v1/version", R"({"version": "0.2.0"})");
  EXPECT_EQ(fake.Run({"version"}), 0);
  EXPECT_EQ(fake.out, "Client version: 0.1.0\nServer version: 0.2.0\n");
}

TEST(CompletionTest, EveryShellGetsEveryVerb) {
  Fake fake;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    ASSERT_EQ(fake.Run({"completion", shell}), 0) << fake.err;
    for (const char* verb : {"apply", "explain", "agents", "check"})
      EXPECT_NE(fake.out.find(verb), std::string::npos) << shell;
  }
  EXPECT_EQ(fake.Run({"completion", "tcsh"}), 1);
}

}  // namespace
}  // namespace weft::ctl
