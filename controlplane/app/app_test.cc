// REST and gRPC give the same answers.
#include "controlplane/app/program_fixture.h"

namespace weft::control {
namespace {

TEST_F(ProgramTest, SeveralDocumentsAreOneRevisionSeenByRestAndGrpc) {
  Begin();
  const auto applied = Apply(std::string(kCart) + "---" + kRoute);
  ASSERT_EQ(applied.status, 200) << applied.body;
  EXPECT_EQ(Body(applied)["revision"], 1);
  EXPECT_EQ(Body(applied)["results"][1]["action"], "created");

  grpc::ClientContext context;
  v1::GetResourceRequest request;
  request.set_kind("httproutes");
  request.set_namespace_("default");
  request.set_name("cart");
  v1::Resource resource;
  const auto status = config->GetResource(&context, request, &resource);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(resource.etag(), "1");
  json by_rest = Body(Call("GET", "/api/v1/resources/HTTPRoute/default/cart"));
  by_rest["metadata"].erase("resourceVersion");
  EXPECT_EQ(by_rest, json::parse(resource.json()));
  EXPECT_EQ(Body(Apply(std::string(kCart) + "---" + kRoute))["results"][0]["action"], "unchanged");
  EXPECT_EQ(Body(Call("GET", "/api/v1/revisions"))["items"].size(), 1U);
}

TEST_F(ProgramTest, ADryRunWritesNothing) {
  Begin();
  EXPECT_EQ(Call("POST", "/api/v1/apply?dryRun=true", kCart).status, 200);
  EXPECT_EQ(Call("GET", "/api/v1/services/default/cart").status, 404);
}

TEST_F(ProgramTest, AWrongDocumentNamesLineAndFieldAndWritesNothing) {
  Begin();
  const auto refused = Call("POST", "/api/v1/apply?file=mesh.yaml", std::string(kCart) + R"(---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: cart}
spec:
  targetRefs: [{group: weft.dev, kind: MeshService, name: cart}]
  circuitBreaker: {failureThreshold: -1}
)");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(Field(refused), "spec.circuitBreaker.failureThreshold") << refused.body;
  EXPECT_NE(Body(refused)["error"]["message"].get<std::string>().find("mesh.yaml:12"), std::string::npos)
      << refused.body;
  EXPECT_EQ(Call("GET", "/api/v1/services/default/cart").status, 404);
}

TEST_F(ProgramTest, EtagsGuardAgainstLostUpdates) {
  Begin();
  const std::string path = "/api/v1/services/default/cart";
  const std::string body = R"({"ports": [{"name": "http", "port": 80}]})",
                    other = R"({"ports": [{"name": "http", "port": 81}]})";
  const auto created = Call("PUT", path, body, {{"If-None-Match", "*"}});
  ASSERT_EQ(created.status, 200) << created.body;
  EXPECT_EQ(created.Header("ETag"), "\"1\"");
  EXPECT_EQ(Call("PUT", path, body, {{"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(Call("PUT", path, other, {{"If-Match", "\"7\""}}).status, 412);
  EXPECT_EQ(Call("PUT", path, other, {{"If-Match", "\"1\""}}).status, 200);
  EXPECT_EQ(Call("GET", path, {}, {{"If-None-Match", "\"2\""}}).status, 304);
  EXPECT_EQ(Call("DELETE", path, {}, {{"If-Match", "\"1\""}}).status, 412);
  EXPECT_EQ(Call("DELETE", path, {}, {{"If-Match", "\"2\""}}).status, 200);
  EXPECT_EQ(Call("DELETE", path).status, 404);
}

TEST_F(ProgramTest, APortKeepsHowItIsRelayedAlsoWhenItsAnswerIsWrittenBack) {
  Begin();
  const std::string path = "/api/v1/services/default/db";
  const auto ports = [&] { return Body(Call("GET", path))["ports"]; };
  ASSERT_EQ(Call("PUT", path, R"({"ports": [{"name": "sql", "port": 3306, "proxyProtocol": "v2"},
    {"name": "odd", "port": 25, "opaque": false}, {"name": "plain", "port": 9000, "opaque": true}]})")
                .status,
            200);
  const json said = {{{"name", "sql"}, {"port", 3306}, {"protocol", "TCP"}, {"proxyProtocol", "v2"}},
                     {{"name", "odd"}, {"port", 25}, {"opaque", false}},
                     {{"name", "plain"}, {"port", 9000}, {"protocol", "TCP"}}};
  EXPECT_EQ(ports(), said);
  ASSERT_EQ(Call("PUT", path, Call("GET", path).body).status, 200);
  EXPECT_EQ(ports(), said);
  v1::Service service;
  grpc::ClientContext get_context, put_context;
  v1::GetServiceRequest get;
  get.set_namespace_("default");
  get.set_name("db");
  ASSERT_TRUE(registry->GetService(&get_context, get, &service).ok());
  v1::PutServiceRequest put;
  *put.mutable_service() = service;
  put.mutable_service()->mutable_ports(2)->set_proxy_protocol(7);
  const grpc::Status refused = registry->PutService(&put_context, put, &service);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(refused.error_message().find("proxyProtocol"), std::string::npos) << refused.error_message();
  for (const char* wrong : {R"({"ports": [{"port": 1, "proxyProtocol": "v3"}]})",
                            R"({"ports": [{"port": 1, "proxyProtocol": "v1", "protocol": "HTTP"}]})",
                            R"({"ports": [{"port": 1, "opaque": "yes"}]})",
                            R"({"ports": [{"port": 1, "opaque": true, "protocol": "HTTP"}]})"})
    EXPECT_EQ(Call("PUT", path, wrong).status, 400) << wrong;
  EXPECT_EQ(ports(), said) << "what was refused changed nothing";
}

TEST_F(ProgramTest, InstancesComeAndGoThroughBothApis) {
  Begin();
  ASSERT_EQ(Apply(kCart).status, 200);
  const std::string path = "/api/v1/services/default/cart/instances";
  const auto put = Call(
      "PUT", path + "/cart-1",
      R"({"address": "10.0.0.1", "port": 8080, "ttl": "30s", "zone": "a", "capabilities": {"meshed": true}})");
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(Body(put)["ttl"], "30s");
  EXPECT_EQ(Call("PUT", path + "/cart-1/heartbeat").status, 200);
  grpc::ClientContext context;
  v1::ListInstancesRequest request;
  request.set_namespace_("default");
  request.set_service("cart");
  v1::ListInstancesResponse response;
  ASSERT_TRUE(registry->ListInstances(&context, request, &response).ok());
  ASSERT_EQ(response.instances_size(), 1);
  EXPECT_EQ(response.instances(0).instance().address(), "10.0.0.1");
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/default/cart"))["instances"], 1);
  EXPECT_EQ(Body(Call("GET", path))["items"][0]["id"], "cart-1");
  EXPECT_EQ(Body(Call("GET", "/api/v1/revisions"))["head"]["revision"], 1) << "an instance makes no revision";
  EXPECT_EQ(Call("DELETE", path + "/cart-1").status, 200);
  EXPECT_EQ(Call("PUT", path + "/cart-1/heartbeat").status, 404);
}

TEST_F(ProgramTest, EventsTellOfWritesAndInstancesThroughBothApis) {
  Begin();
  Apply(kCart);
  Call("PUT", "/api/v1/services/default/cart/instances/a", R"({"address": "10.0.0.7", "port": 80})");
  Call("DELETE", "/api/v1/services/default/cart/instances/a");
  const json all = Body(Call("GET", "/api/v1/events"));
  std::string told;
  for (const json& event : all["items"])
    told += event["reason"].get<std::string>() + " " + event["message"].get<std::string>() + "\n";
  EXPECT_EQ(
      told,
      "ConfigurationWritten 1 resource(s) changed by loopback\nInstanceRegistered instance a at 10.0.0.7:80\n"
      "InstanceRemoved instance a\n");
  EXPECT_EQ(Body(Call("GET", "/api/v1/events?after=" + all["last"].dump()))["items"].size(), 0U);
  EXPECT_EQ(Field(Call("GET", "/api/v1/events?type=Loud")), "type");
  grpc::ClientContext context;
  v1::ListEventsRequest request;
  request.set_reason("InstanceRemoved");
  v1::ListEventsResponse response;
  ASSERT_TRUE(config->ListEvents(&context, request, &response).ok());
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).name(), "cart");
}

TEST_F(ProgramTest, BadInputIsRefusedWithItsField) {
  Begin();
  ASSERT_EQ(Apply(kCart).status, 200);
  const std::string path = "/api/v1/services/default/cart/instances/a";
  const auto field = [&](const std::string& body) { return Field(Call("PUT", path, body)); };
  EXPECT_EQ(field(R"({"address": "nonsense", "port": 1})"), "address");
  EXPECT_EQ(field(R"({"address": "10.0.0.1", "port": "1"})"), "port");
  EXPECT_EQ(field(R"({"address": "10.0.0.1", "port": 1, "wieght": 1})"), "wieght");
  EXPECT_EQ(field(R"({"address": "10.0.0.1", "port": 1, "ttl": "soon"})"), "ttl");
  EXPECT_EQ(field(R"({"id": "b", "address": "10.0.0.1", "port": 1})"), "id");
  EXPECT_EQ(Call("PUT", path, R"({"port": 1, "port": 2})").status, 400);
  EXPECT_EQ(Call("PUT", path, "{").status, 400);
  EXPECT_EQ(Call("PUT", "/api/v1/services/default/none/instances/a", R"({"address": "10.0.0.1", "port": 1})")
                .status,
            404);
  EXPECT_EQ(Call("GET", "/api/v1/resources/Nonsense").status, 404);
  EXPECT_EQ(Call("GET", "/api/v1/revisions?limit=many").status, 400);
  EXPECT_EQ(Call("GET", "/api/v1/nothing").status, 404);
  EXPECT_EQ(Call("GET", "/api/v1/agents/none/config").status, 404);
  EXPECT_EQ(Call("DELETE", "/api/v1/apply").status, 405);
  EXPECT_EQ(Apply("").status, 400);
  EXPECT_EQ(Apply(std::string(18 << 20, ' ')).status, 413);
}

TEST_F(ProgramTest, TokensAndRolesStandBeforeEveryHandler) {
  WriteTokens("secret-view alice viewer\nsecret-edit bob editor\n");
  Begin();
  EXPECT_EQ(Call("GET", "/api/v1/services").status, 401);
  EXPECT_EQ(Call("GET", "/api/v1/services", {}, {{"Authorization", "Bearer nonsense"}}).status, 401);
  EXPECT_EQ(Call("GET", "/api/v1/services", {}, {{"Authorization", "Bearer secret-view"}}).status, 200);
  EXPECT_EQ(Apply(kCart, {{"Authorization", "Bearer secret-view"}}).status, 403);
  EXPECT_EQ(Apply(kCart, {{"Authorization", "Bearer secret-edit"}}).status, 200);
  EXPECT_EQ(Call("POST", "/api/v1/agents/a:drain", {}, {{"Authorization", "Bearer secret-edit"}}).status,
            403);
  EXPECT_EQ(Call("GET", "/healthz").status, 200);
  const auto code = [this](const char* token) {
    grpc::ClientContext context;
    if (*token != '\0') context.AddMetadata("authorization", std::string("Bearer ") + token);
    v1::ApplyRequest request;
    request.set_documents(kRoute);
    v1::ApplyResponse response;
    return config->Apply(&context, request, &response).error_code();
  };
  EXPECT_EQ(code(""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(code("secret-view"), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(code("secret-edit"), grpc::StatusCode::OK);
}

TEST_F(ProgramTest, WithoutCredentialsAWebPageCannotUseTheBrowsersLoopback) {
  Begin();
  EXPECT_EQ(Apply(kCart, {{"Host", "rebound.example"}}).status, 403);
  EXPECT_EQ(Apply(kCart, {{"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(Apply(kCart).status, 200);
}

TEST_F(ProgramTest, ARestartKeepsEverythingAndInstancesGetFreshLeases) {
  Begin();
  ASSERT_EQ(Apply(kCart).status, 200);
  ASSERT_EQ(Call("PUT", "/api/v1/services/default/cart/instances/a",
                 R"({"address": "10.0.0.1", "port": 1, "ttl": "30s"})")
                .status,
            200);
  const auto before = Body(Call("GET", "/api/v1/version"));
  End();
  Begin();
  const auto after = Body(Call("GET", "/api/v1/version"));
  EXPECT_EQ(after["storeId"], before["storeId"]);
  EXPECT_EQ(after["epoch"], before["epoch"].get<int>() + 1);
  EXPECT_EQ(after["revision"], 1);
  EXPECT_EQ(Call("PUT", "/api/v1/services/default/cart/instances/a/heartbeat").status, 200);
}

TEST_F(ProgramTest, ResourceFilesAreLoadedAndBelongToTheirSource) {
  const std::string file = folder + "/mesh.yaml";
  std::ofstream(file) << kCart;
  settings.resources = {file};
  Begin();
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/default/cart"))["source"], "files");
  EXPECT_EQ(Call("DELETE", "/api/v1/services/default/cart").status, 409);
  std::ofstream(file + ".new") << kCart << "---" << kRoute;
  std::filesystem::rename(file + ".new", file);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Call("GET", "/api/v1/resources/HTTPRoute/default/cart").status != 200) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the changed file was not seen";
    std::this_thread::yield();
  }
}

TEST_F(ProgramTest, ListsComeInPages) {
  Begin();
  for (const char* name : {"a", "b", "c"})
    ASSERT_EQ(
        Call("PUT", std::string("/api/v1/services/default/") + name, R"({"ports": [{"port": 80}]})").status,
        200);
  const auto first = Body(Call("GET", "/api/v1/services?limit=2"));
  EXPECT_EQ(first["items"].size(), 2U);
  const auto second = Body(Call("GET", "/api/v1/services?limit=2&continue=" +
                                           http::PercentEncode(first["continue"].get<std::string>())));
  ASSERT_EQ(second["items"].size(), 1U);
  EXPECT_EQ(second["items"][0]["name"], "c");
  EXPECT_EQ(second["continue"], "");
}

TEST_F(ProgramTest, PagesForOperatorsAnswer) {
  Begin();
  EXPECT_EQ(Call("GET", "/readyz").status, 200);
  EXPECT_NE(Call("GET", "/metrics").body.find("weft_control_store_revision 0"), std::string::npos);
  EXPECT_TRUE(Body(Call("GET", "/api/v1/health/stats")).is_object());
  EXPECT_TRUE(Body(Call("GET", "/api/v1/stats/services"))["items"].is_array());
  EXPECT_TRUE(Body(Call("GET", "/api/v1/agents"))["items"].is_array());
  EXPECT_EQ(Body(Call("GET", "/api/v1/explain/r-1"))["asked"], 0);
}

TEST_F(ProgramTest, ListeningElsewhereWithoutCredentialsIsRefusedAtTheStart) {
  settings.http.ip = net::Ip::V4(0, 0, 0, 0);
  const auto refused = Program::Start(settings);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().Text().find("--token-file"), std::string::npos);
}

TEST(SettingsTest, AFlagBeatsAVariableBeatsTheFile) {
  const std::string file = testing::TempDir() + "weft-control-settings.yaml";
  std::ofstream(file)
      << "httpListen: 127.0.0.1:1\ngrpcListen: 127.0.0.1:2\ndata: from-file\nresources: [a, b]\n";
  const char* argv[] = {"weft-control", "--config", file.c_str(), "--http-listen", "127.0.0.1:3"};
  const Parsed parsed =
      ParseCommandLine(5, argv, {{"WEFT_HTTP_LISTEN", "127.0.0.1:4"}, {"WEFT_GRPC_LISTEN", "127.0.0.1:5"}});
  ASSERT_TRUE(parsed.settings) << parsed.text;
  EXPECT_EQ(parsed.settings->http.port, 3);
  EXPECT_EQ(parsed.settings->grpc.port, 5);
  EXPECT_EQ(parsed.settings->data, "from-file");
  EXPECT_EQ(parsed.settings->resources, (std::vector<std::string>{"a", "b"}));
}

TEST(SettingsTest, UnknownKeysAndBadValuesNameTheirPlace) {
  const std::string file = testing::TempDir() + "weft-control-broken.yaml";
  std::ofstream(file) << "data: x\nhtpListen: 127.0.0.1:1\n";
  const char* argv[] = {"weft-control", "--config", file.c_str()};
  const Parsed unknown = ParseCommandLine(3, argv, {});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.text.find(file + ":2:"), std::string::npos) << unknown.text;
  EXPECT_NE(unknown.text.find("htpListen"), std::string::npos) << unknown.text;
  const Parsed bad = ParseCommandLine(1, argv, {{"WEFT_HTTP_LISTEN", "nowhere"}});
  EXPECT_NE(bad.text.find("WEFT_HTTP_LISTEN"), std::string::npos) << bad.text;
  const Parsed seed = ParseCommandLine(1, argv, {{"CIRCUIT_BREAKER_FAILURE_THRESHOLD", "many"}});
  EXPECT_NE(seed.text.find("CIRCUIT_BREAKER_FAILURE_THRESHOLD"), std::string::npos) << seed.text;
}

Parsed ParseFile(const std::string& text) {
  const std::string file = testing::TempDir() + "weft-control-discovery.yaml";
  std::ofstream(file) << text;
  const char* argv[] = {"weft-control", "--config", file.c_str()};
  return ParseCommandLine(3, argv, {});
}

TEST(SettingsTest, DiscoveryIsReadFromTheFile) {
  const auto parsed = ParseFile(R"(
discovery:
  linger: 10m
  consul: {address: "10.0.0.1:8501", tag: mesh, namespace: shop, port: 8080, protocol: GRPC, wait: 1m, mostServices: 7}
  etcd: {endpoints: ["a:1", "b:2"], prefix: /mesh/}
  dns:
    servers: ["127.0.0.1:53"]
    services:
    - {name: cart, srv: _http._tcp.cart.example}
    - {name: mail, namespace: shop, port: 25, protocol: TCP, host: mail.example, targetPort: 2525}
)");
  ASSERT_TRUE(parsed.settings) << parsed.text;
  const DiscoverySettings& discovery = parsed.settings->discovery;
  EXPECT_EQ(discovery.linger, std::chrono::minutes(10));
  EXPECT_EQ(discovery.consul->address.host, "10.0.0.1");
  EXPECT_EQ(discovery.consul->defaults.protocol, v1::PROTOCOL_GRPC);
  EXPECT_EQ(discovery.consul->most_services, 7U);
  EXPECT_EQ(discovery.etcd->endpoints, (std::vector<std::string>{"a:1", "b:2"}));
  ASSERT_EQ(discovery.dns->names.size(), 2U);
  EXPECT_TRUE(discovery.dns->names[0].srv);
  EXPECT_EQ(discovery.dns->names[1].port, 2525);
  EXPECT_EQ(discovery.dns->names[1].service.ports(0).protocol(), v1::PROTOCOL_TCP);
}

TEST(SettingsTest, WhatIsWrongInDiscoveryIsNamedWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"discovery: {consul: {adress: x}}", "did you mean \"address\""},
      {"discovery: {consul: {address: here}}", "discovery.consul.address"},
      {"discovery: {consul: {protocol: SMTP}}", "discovery.consul.protocol"},
      {"discovery: {consul: {tls: {ca: /nowhere/ca.pem}}}", "/nowhere/ca.pem"},
      {"discovery: {consul: {mostServices: 0}}", "mostServices"},
      {"discovery: {etcd: {endpoints: []}}", "at least one"},
      {"discovery: {etcd: {prefix: weft}}", "ends with '/'"},
      {"discovery: {dns: {}}", "needs services"},
      {"discovery: {dns: {services: [{name: Cart, srv: x}]}}", "services[0].name"},
      {"discovery: {dns: {services: [{name: cart, srv: x, host: y}]}}", "either srv, or host"},
      {"discovery: {dns: {services: [{name: cart, host: y}]}}", "targetPort"},
      {"discovery: {dns: {services: [{name: a, srv: x}, {name: a, srv: y}]}}", "stands twice"},
      {"discovery: {dns: {minTtl: 1h, maxTtl: 1m, services: [{name: a, srv: x}]}}", "below minTtl"},
      {"discovery: {linger: 100h}", "discovery.linger"},
      {"discovery: 7", "discovery"}};
  for (const auto& [text, said] : cases) {
    const auto parsed = ParseFile(text);
    EXPECT_FALSE(parsed.settings) << text;
    EXPECT_NE(parsed.text.find(said), std::string::npos) << text << " -> " << parsed.text;
    EXPECT_NE(parsed.text.find("weft-control-discovery.yaml:1:"), std::string::npos) << parsed.text;
  }
}

TEST_F(ProgramTest, ASourceThatIsNotThereIsMarkedAndNothingElseSuffers) {
  settings.discovery.etcd.emplace().endpoints = {"127.0.0.1:1"};
  settings.discovery.consul.emplace().address = {"127.0.0.1", 1};
  Begin();
  ASSERT_EQ(Apply(kCart).status, 200);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto lost = [&](const char* source) {
    return Call("GET", "/metrics")
               .body.find(std::string("weft_control_source_up{source=\"") + source + "\"} 0") !=
           std::string::npos;
  };
  while (!lost("etcd") || !lost("consul")) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::yield();
  }
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/default/cart"))["source"], "api");
}

}  // namespace
}  // namespace weft::control
