#include "agent/settings/settings.h"

#include <gtest/gtest.h>

namespace weft::settings {
namespace {

constexpr const char* kFull =
    R"(node: {id: cart-1, namespace: shop, service: cart, zone: a, labels: {version: v1}}
controlPlane: {address: "127.0.0.1:15010", tokenFile: /etc/weft/token}
workers: 2
outbound:
  listen: 127.0.0.1:15001
  transparent: false
  services: [{listen: 127.0.0.1:9001, service: default/cart, port: http}]
  egress: {allow: [example.com]}
inbound: [{listen: 0.0.0.0:15006, forward: 127.0.0.1:8080, service: default/cart, port: http}]
admin: {listen: 127.0.0.1:0}
telemetry: {listen: 0.0.0.0:15020}
cache: {path: weft-cache, maxAge: 24h}
drain: {deadline: 25s}
limits: {requestHead: 10s, headerBytes: 64KiB, headers: 128, clientIdle: 1h, connections: 0}
accessLog: {format: json, path: "-"}
record: {path: /tmp/r, maxBytes: 1MiB}
log: {level: debug, format: text}
decisions: {bytes: 1MiB}
)";

std::string ErrorOf(const std::string& text) {
  const Result<Settings> read = Parse(text, "agent.yaml");
  return read ? "accepted" : read.error().Text();
}

TEST(SettingsTest, ReadsEveryFieldOfTheFile) {
  const Result<Settings> read = Parse(kFull, "agent.yaml");
  ASSERT_TRUE(read) << read.error().Text();
  EXPECT_EQ(read->node.id, "cart-1");
  EXPECT_EQ(read->node.cluster, "local");
  EXPECT_EQ(read->node.labels.at("version"), "v1");
  EXPECT_EQ(read->control_plane->token_file, "/etc/weft/token");
  EXPECT_EQ(read->outbound.services.at(0).service.ToString(), "default/cart");
  EXPECT_EQ(read->inbound.at(0).forward->port, 8080);
  EXPECT_EQ(read->cache_max_age, std::chrono::hours(24));
  EXPECT_EQ(read->limits.header_bytes, 65536u);
  EXPECT_EQ(read->access_log, AccessLogFormat::kJson);
  EXPECT_EQ(read->log_level, LogLevel::kDebug);
}

TEST(SettingsTest, TransparentListenersHaveOpaquePorts) {
  const Settings read =
      Parse(
          "resources: [a]\noutbound: {listen: '[::]:1', transparent: true, opaquePorts: [25, 3306-3310]}\n"
          "inbound: [{listen: '[::]:2', transparent: true, opaquePorts: [6379]}]\n",
          "agent.yaml")
          .value();
  EXPECT_TRUE(read.outbound.opaque_ports.at(1).Contains(3308));
  EXPECT_EQ(read.inbound.at(0).opaque_ports.at(0).ToString(), "6379");
  EXPECT_NE(ErrorOf("resources: [a]\noutbound: {listen: '[::]:1', opaquePorts: [25]}\n")
                .find("outbound.opaquePorts: is of a transparent listener"),
            std::string::npos);
}

TEST(SettingsTest, FilesAloneAreEnough) {
  const Settings read = Parse("resources: [mesh.yaml]\n", "agent.yaml").value();
  EXPECT_FALSE(read.control_plane);
  EXPECT_EQ(read.admin.ToString(), "127.0.0.1:15000");
  EXPECT_EQ(read.limits.headers, 128u);
}

TEST(SettingsTest, ErrorsNameFileLineAndKey) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"resources: [a]\nworker: 2\n", "agent.yaml:2:9: worker: is unknown"},
      {"resources: [a]\nworkers: two\n", "agent.yaml:2:10: workers: 'two'"},
      {"resources: [a]\nworkers: 010x\n", "agent.yaml:2:10: workers"},
      {"resources: [a]\noutbound: {transparent: yes}\n", "agent.yaml:2:25: outbound.transparent: 'yes'"},
      {"resources: [a]\noutbound: {transparent: true}\n", "outbound.transparent: needs outbound.listen"},
      {"resources: [a]\noutbound:\n  listen: localhost:1\n", "agent.yaml:3:11: outbound.listen"},
      {"resources: [a]\noutbound: {services: [{listen: 127.0.0.1:1}]}\n",
       "outbound.services[0].service: is required"},
      {"resources: [a]\ninbound: [{listen: 0.0.0.0:1}]\n", "inbound[0].forward"},
      {"resources: [a]\nadmin: {listen: 0.0.0.0:15000}\n", "admin.listen: must be a loopback address"},
      {"resources: [a]\ndrain: {deadline: 5}\n", "drain.deadline: '5' is no duration"},
      {"resources: [a]\nnode: {namespace: Shop}\n", "node.namespace"},
      {"resources: [a]\ncontrolPlane: {address: \"h:1\"}\n", "not both"},
      {"workers: 1\n", "give either controlPlane"},
      {"resources: [a]\nresources: [b]\n", "agent.yaml:2:1: the key 'resources' stands here twice"},
      {"resources: &a [x]\nnode: *a\n", "aliases are not allowed"},
      {"resources: [a\n", "agent.yaml:"},
      {"- a\n", "must be a map"},
      {"resources: [a]\n---\nkind: MeshService\n", "second document"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_NE(ErrorOf(text).find(expected), std::string::npos) << text << " gave: " << ErrorOf(text);
  }
}

TEST(SettingsTest, OverridesWinOverTheFileAndNameThemselvesInErrors) {
  const std::vector<Override> flags = {{"outbound.listen", "127.0.0.1:0", "--outbound-listen"},
                                       {"log.level", "warn", "WEFT_LOG_LEVEL"}};
  const Settings read = Parse(kFull, "agent.yaml", flags).value();
  EXPECT_EQ(read.outbound.listen->port, 0);
  EXPECT_EQ(read.log_level, LogLevel::kWarn);
  const Result<Settings> bad = Parse(kFull, "agent.yaml", {{"workers", "0", "--workers"}});
  EXPECT_EQ(bad.error().Text(), "--workers: workers: '0' must be a whole number from 1 to 64");
}

TEST(SettingsTest, VariablesMapToFieldsAndUnknownOnesAreErrors) {
  const auto overrides =
      FromEnvironment({{"WEFT_CONTROL_PLANE_ADDRESS", "cp:15010"}, {"PATH", "/bin"}, {"WEFT_CONFIG", "f"}})
          .value();
  ASSERT_EQ(overrides.size(), 1u);
  EXPECT_EQ(overrides[0].path, "controlPlane.address");
  EXPECT_EQ(Parse("", "none", overrides).value().control_plane->address, "cp:15010");
  EXPECT_EQ(FromEnvironment({{"WEFT_WROKERS", "2"}}).error().where, "WEFT_WROKERS");
}

TEST(SettingsTest, VariablesThatKubernetesSetsForServicesAreNoSettings) {
  const auto read = FromEnvironment({{"WEFT_SHOP_SERVICE_HOST", "10.0.0.1"},
                                     {"WEFT_SHOP_SERVICE_PORT", "80"},
                                     {"WEFT_SHOP_SERVICE_PORT_HTTP", "80"},
                                     {"WEFT_SHOP_PORT", "tcp://10.0.0.1:80"},
                                     {"WEFT_SHOP_PORT_80_TCP_ADDR", "10.0.0.1"},
                                     {"WEFT_WORKERS", "2"}});
  ASSERT_TRUE(read) << read.error().Text();
  EXPECT_EQ(read->size(), 1u);
  EXPECT_FALSE(FromEnvironment({{"WEFT_SHOP_SERVICE_HOST", "10.0.0.1"}, {"WEFT_SHOP_COLOUR", "red"}}));
  EXPECT_FALSE(FromEnvironment({{"WEFT_SHOP_PORT", "tcp://10.0.0.1:80"}}));
}

}  // namespace
}  // namespace weft::settings
