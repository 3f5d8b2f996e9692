#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "controlplane/ctl/cli.h"
#include "controlplane/ctl/context.h"

namespace weft::ctl {
namespace {

// A control plane of canned answers; what it was asked is kept.
struct Fake {
  std::map<std::string, Reply> answers;  // "GET /api/v1/services"
  std::vector<Request> asked;
  std::string dialled, token;
  std::map<std::string, std::string> variables;
  std::string input, out, err;

  Fake& On(const std::string& what, std::string body, unsigned status = 200) {
    answers[what] = {status, std::move(body)};
    return *this;
  }
  int Run(const std::vector<std::string>& arguments) {
    std::ostringstream out_stream, err_stream;
    std::istringstream in_stream(input);
    const auto dial = [this](const std::string& server, const std::string& bearer) -> Result<Send> {
      dialled = server;
      token = bearer;
      return Send([this](const Request& request) { return Answer(request); });
    };
    const auto variable = [this](const char* name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    const int code =
        ctl::Run(arguments, {out_stream, err_stream, in_stream, variable, dial, 1'705'312'200'000, [] {}});
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }
  Result<Reply> Answer(const Request& request) {
    asked.push_back(request);
    const auto found = answers.find(request.method + " " + request.target);
    if (found == answers.end()) return Error{ErrorKind::kUnavailable, "connection refused", {}, {}};
    if (request.on_data) request.on_data(found->second.body);
    return found->second;
  }
};

void ExpectGolden(const std::string& text, const std::string& name) {
  std::ifstream file("tests/golden/weftctl/" + name + ".txt");
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << "tests/golden/weftctl/" << name << ".txt";
}

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

constexpr const char* kRevisions = R"({"items": [
  {"revision": 12, "at": "2024-01-15T09:49:28.000Z", "principal": "ann", "summary": "HTTPRoute default/cart and 1 more"},
  {"revision": 11, "at": "2024-01-14T09:50:00.000Z", "principal": "files", "summary": "MeshService default/cart"}]})";

TEST(HistoryTest, RevisionsAreATableAndOneResourceNarrowsThem) {
  Fake fake;
  fake.On("GET /api/v1/revisions?limit=20", kRevisions)
      .On("GET /api/v1/revisions?limit=2&kind=HTTPRoute&namespace=shop&name=cart", kRevisions)
      .On("GET /api/v1/revisions?limit=20&kind=MeshService&namespace=default&name=cart", R"({"items": []})");
  ASSERT_EQ(fake.Run({"history"}), 0) << fake.err;
  ExpectGolden(fake.out, "history");
  EXPECT_EQ(fake.Run({"history", "httproute", "shop/cart", "--limit", "2"}), 0) << fake.err;
  EXPECT_EQ(fake.Run({"history", "svc", "cart"}), 0) << fake.err;
  EXPECT_EQ(fake.err, "No revisions found.\n");
  EXPECT_EQ(fake.Run({"history", "svc"}), 1);
}

TEST(RollbackTest, ItSaysWhatCameBackOrThatNothingHadTo) {
  Fake fake;
  fake.On("POST /api/v1/revisions/4:rollback",
          R"({"revision": 9, "restored": 4, "unchanged": false, "dryRun": false,
    "results": [{"kind": "HTTPRoute", "namespace": "default", "name": "cart", "action": "configured"},
                {"kind": "ServicePolicy", "namespace": "shop", "name": "cart", "action": "deleted"}]})")
      .On("POST /api/v1/revisions/9:rollback?dryRun=true",
          R"({"revision": 9, "restored": 9, "unchanged": true, "dryRun": true, "results": []})");
  ASSERT_EQ(fake.Run({"rollback", "4"}), 0) << fake.err;
  ExpectGolden(fake.out, "rollback");
  ASSERT_EQ(fake.Run({"rollback", "9", "--dry-run"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "nothing to change: what the API owns is as it was at revision 9\n");
  EXPECT_EQ(fake.Run({"rollback", "x"}), 2);
}

TEST(DiffTest, RevisionsDifferWithExitCodeOneAndFailuresWithTwo) {
  Fake fake;
  fake.On("GET /api/v1/revisions/3/diff",
          R"({"from": 3, "to": 4, "items": [{"kind": "HTTPRoute", "namespace": "default",
    "name": "cart", "change": "changed", "diff": "--- HTTPRoute default/cart\trevision 3\n+++ HTTPRoute default/cart\trevision 4\n@@ -1 +1 @@\n-a\n+b\n"}]})")
      .On("GET /api/v1/revisions/3/diff?to=3", R"({"from": 3, "to": 3, "items": []})");
  EXPECT_EQ(fake.Run({"diff", "3"}), 1);
  EXPECT_EQ(fake.out,
            "--- HTTPRoute default/cart\trevision 3\n+++ HTTPRoute default/cart\trevision 4\n@@ -1 +1 "
            "@@\n-a\n+b\n");
  EXPECT_EQ(fake.Run({"diff", "3", "3"}), 0);
  EXPECT_EQ(fake.out, "");
  EXPECT_EQ(fake.Run({"diff", "8"}), 2);
  EXPECT_EQ(fake.Run({"diff"}), 2);
}

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

TEST(ValidateTest, GoodDocumentsCountAndBadOnesAreNamedWithoutAServer) {
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
  for (const std::string kind : {"MeshService", "HTTPRoute", "MeshDefaults"})
    fake.On("GET /api/v1/resources/" + kind, R"({"items": []})");
  fake.On("GET /api/v1/resources/ServicePolicy", R"({"items": [{"apiVersion": "weft.dev/v1",
    "kind": "ServicePolicy", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"retry": {"attempts": 1},
    "targetRefs": [{"group": "weft.dev", "kind": "MeshService", "name": "cart"}]}}]})");
  ASSERT_EQ(fake.Run({"analyze"}), 0) << fake.err;
  EXPECT_TRUE(fake.out.starts_with("Warning [TargetNotFound] (ServicePolicy shop/p) spec.targetRefs[0]: "))
      << fake.out;
}

TEST(EventsTest, ATableAndWhatComesUntilTheServerIsGone) {
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

TEST(StatTest, RowsLookLikeLinkerds) {
  Fake fake;
  fake.On("GET /api/v1/stats/services", R"({"items": [
    {"namespace": "demo", "name": "cart", "instances": 3, "meshed": 3, "requests": 600, "retries": 2, "successRate": 0.9967, "rps": 100.04, "p50Ms": 1.2, "p95Ms": 12.7, "p99Ms": 123.4, "circuit": "closed"},
    {"namespace": "demo", "name": "idle", "instances": 1, "meshed": 0, "requests": 0, "retries": 0, "successRate": 1.0, "rps": 0.0, "p50Ms": 0.0, "p95Ms": 0.0, "p99Ms": 0.0, "circuit": "closed"}]})");
  ASSERT_EQ(fake.Run({"stat", "-n", "demo"}), 0) << fake.err;
  ExpectGolden(fake.out, "stat");
}

constexpr const char* kGraph = R"({"nodes": [
  {"namespace": "default", "name": "laptop", "client": true},
  {"namespace": "default", "name": "web", "health": "healthy", "instances": 2, "healthy": 2},
  {"namespace": "shop", "name": "cart", "health": "healthy", "instances": 3, "healthy": 3},
  {"namespace": "shop", "name": "stock", "health": "degraded", "instances": 2, "healthy": 1}],
 "edges": [
  {"from": {"namespace": "default", "name": "laptop", "client": true}, "to": {"namespace": "default", "name": "web"}, "requests": 120, "failures": 0, "retries": 0,
   "rps": 2.0, "successRate": 1.0, "p50Ms": 3.1, "p95Ms": 9.2, "p99Ms": 12.0, "circuit": "closed", "reasons": {}, "issues": []},
  {"from": {"namespace": "default", "name": "web"}, "to": {"namespace": "shop", "name": "cart"}, "requests": 2406, "failures": 8, "retries": 3,
   "rps": 40.1, "successRate": 0.9967, "p50Ms": 2.0, "p95Ms": 7.1, "p99Ms": 11.2, "circuit": "closed", "reasons": {}, "issues": []},
  {"from": {"namespace": "shop", "name": "cart"}, "to": {"namespace": "shop", "name": "stock"}, "requests": 2400, "failures": 1243, "retries": 40,
   "rps": 40.0, "successRate": 0.4821, "p50Ms": 1.0, "p95Ms": 3.1, "p99Ms": 5.2, "circuit": "open", "reasons": {"breaker_open": 7}, "issues": ["HighErrorRate", "CircuitOpen"]}],
 "overflows": 0})";

TEST(EdgesTest, RowsAreEdgesWithTheirNumbersAndMayBeNarrowed) {
  Fake fake;
  fake.On("GET /api/v1/graph", kGraph).On("GET /api/v1/graph?namespace=shop", kGraph);
  ASSERT_EQ(fake.Run({"edges"}), 0) << fake.err;
  ExpectGolden(fake.out, "edges");
  ASSERT_EQ(fake.Run({"edges", "--from", "shop/cart", "-o", "json"}), 0) << fake.err;
  EXPECT_EQ(Json::parse(fake.out)["items"].size(), 1U);
  ASSERT_EQ(fake.Run({"edges", "-n", "shop", "--to", "stock"}), 0) << fake.err;
  EXPECT_EQ(fake.asked.back().target, "/api/v1/graph?namespace=shop");
  EXPECT_EQ(fake.out.find("laptop"), std::string::npos);
  fake.On("GET /api/v1/graph", R"({"nodes": [], "edges": []})");
  for (const char* verb : {"edges", "graph"}) {
    ASSERT_EQ(fake.Run({verb}), 0);
    EXPECT_EQ(fake.err, "No edges: no agent reported requests in the last 15 minutes.\n") << verb;
  }
}

TEST(GraphTest, ItIsATreeOrADrawingForGraphviz) {
  Fake fake;
  fake.On("GET /api/v1/graph", kGraph);
  ASSERT_EQ(fake.Run({"graph"}), 0) << fake.err;
  ExpectGolden(fake.out, "graph");
  ASSERT_EQ(fake.Run({"graph", "-o", "dot"}), 0) << fake.err;
  ExpectGolden(fake.out, "graph-dot");
  EXPECT_EQ(fake.Run({"stat", "-o", "dot"}), 1);
  EXPECT_EQ(fake.err, "error: -o: only weftctl graph prints dot; use table, wide, json or yaml\n");
}

TEST(GraphTest, CallsInACircleEnd) {
  Fake fake;
  fake.On(
      "GET /api/v1/graph",
      R"({"nodes": [{"namespace": "default", "name": "a"}, {"namespace": "default", "name": "b"}], "edges": [
    {"from": {"namespace": "default", "name": "a"}, "to": {"namespace": "default", "name": "b"}},
    {"from": {"namespace": "default", "name": "b"}, "to": {"namespace": "default", "name": "a"}}]})");
  ASSERT_EQ(fake.Run({"graph"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "a\n└─ b  0.0rps -\n   └─ a  0.0rps -\n");
}

TEST(IssuesTest, CausesComeFirstAndTheFirstOnesAdviceIsTold) {
  Fake fake;
  fake.On("GET /api/v1/issues", R"({"items": [
    {"code": "HighErrorRate", "severity": "critical", "kind": "Edge", "subject": "shop/cart -> shop/stock", "since": "2024-01-15T09:49:48Z",
     "evidence": "51.8 % of 400 requests in the last 10 s failed: 5xx from the service 207", "suggestion": "look at the log of shop/stock"},
    {"code": "HighErrorRate", "severity": "critical", "kind": "Edge", "subject": "web -> shop/cart", "since": "2024-01-15T09:49:50Z",
     "cause": "HighErrorRate shop/cart -> shop/stock", "evidence": "50.2 % of 401 requests in the last 10 s failed: 5xx from the service 201", "suggestion": "x"}]})");
  ASSERT_EQ(fake.Run({"issues"}), 0) << fake.err;
  ExpectGolden(fake.out, "issues");
  ASSERT_EQ(fake.Run({"issues", "-o", "json"}), 0) << fake.err;
  EXPECT_EQ(Json::parse(fake.out)["items"].size(), 2U);
  fake.On("GET /api/v1/issues?namespace=demo", R"({"items": []})");
  ASSERT_EQ(fake.Run({"issues", "-n", "demo"}), 0);
  EXPECT_EQ(fake.out, "No issues.\n");
}

TEST(ExplainTest, ARecordIsToldFromTopToBottom) {
  const std::string record =
      R"({"requestId": "r-1", "direction": "outbound", "service": "demo/cart", "backend": "demo/cart:80", "route": "demo/mark",
    "rule": "demo/mark/0", "revision": 7, "worker": 0, "number": 3, "startedUnixMs": 1705312100000, "tookMs": 12.5, "status": 503, "reason": "breaker_open",
    "why": "the circuit breaker of the service is open", "deadlineMs": 3000, "deadlineOf": "policy",
    "breaker": {"state": "open", "generation": 2, "points": 12, "requests": 40}, "retryTokens": 9.5, "inFlight": 1,
    "attempts": [{"instance": "cart-1", "startedMs": 0.1, "tookMs": 3.2, "outcome": "status", "status": 500, "reason": "ok", "retry": "retried",
    "candidates": [{"instance": "cart-1", "standing": "picked", "score": 1.5}, {"instance": "cart-2", "standing": "ejected"}]}]})";
  Fake fake;
  fake.On("GET /api/v1/explain/r-1",
          R"({"records": [{"agent": "web-1", "record": )" + record + R"(}], "asked": 2, "answered": 2})");
  fake.On("GET /explain/r-1", "[" + record + "]")
      .On("GET /api/v1/explain/none", R"({"records": [], "asked": 2, "answered": 2})");
  ASSERT_EQ(fake.Run({"explain", "r-1"}), 0) << fake.err;
  ExpectGolden(fake.out, "explain");
  ASSERT_EQ(fake.Run({"explain", "r-1", "--agent", "127.0.0.1:15000"}), 0) << fake.err;
  EXPECT_EQ(fake.dialled, "127.0.0.1:15000");
  fake.On("GET /api/v1/explain/alone", R"({"records": [], "asked": 0, "answered": 0})");
  EXPECT_EQ(fake.Run({"explain", "alone"}), 1);
  EXPECT_NE(fake.err.find("--agent IP:15000"), std::string::npos) << fake.err;
  EXPECT_EQ(fake.Run({"explain", "none"}), 1);
  EXPECT_NE(fake.err.find("no agent keeps"), std::string::npos) << fake.err;
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
