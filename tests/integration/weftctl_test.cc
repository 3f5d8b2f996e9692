// weftctl against a whole weft-control in this process: the JSON of one is what the other reads.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <thread>

#include "controlplane/app/program.h"
#include "controlplane/ctl/cli.h"
#include "controlplane/ctl/dial.h"
#include "weft/v1/mesh.grpc.pb.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft {
namespace {

constexpr const char* kMesh = R"(
apiVersion: weft.dev/v1
kind: MeshService
metadata: {name: cart, namespace: demo, labels: {team: shop}}
spec:
  ports: [{name: http, port: 80, protocol: HTTP}]
  instances: [{id: fixed, address: 10.0.0.9, port: 8080}]
---
apiVersion: weft.dev/v1
kind: ServicePolicy
metadata: {name: cart, namespace: demo}
spec:
  targetRefs: [{group: weft.dev, kind: MeshService, name: cart}]
  timeouts: {request: 3s}
)";

class WeftctlTest : public testing::Test {
 protected:
  void SetUp() override {
    folder = std::filesystem::path(testing::TempDir()) / "weftctl-test-store";
    std::filesystem::remove_all(folder);
    control::Settings settings;
    settings.grpc = settings.http = {net::Ip::V4(127, 0, 0, 1), 0};
    settings.data = folder.string();
    auto started = control::Program::Start(settings);
    ASSERT_TRUE(started) << started.error().Text();
    program = std::move(*started);
    running = std::thread([this] { program->Run(); });
  }
  void TearDown() override {
    if (program != nullptr) program->Stop();
    if (running.joinable()) running.join();
    program.reset();
    std::filesystem::remove_all(folder);
  }

  int Run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.end(), {"--server", program->http().ToString()});
    std::ostringstream out_stream, err_stream;
    std::istringstream in_stream(input);
    const auto variable = [](const char*) { return std::optional<std::string>(); };
    const int code = ctl::Run(arguments, {out_stream, err_stream, in_stream, variable, ctl::DialHttp, 0});
    out = out_stream.str();
    err = err_stream.str();
    return code;
  }
  bool Says(const std::string& text) const { return out.find(text) != std::string::npos; }

  std::filesystem::path folder;
  std::unique_ptr<control::Program> program;
  std::thread running;
  std::string out, err;
};

TEST_F(WeftctlTest, DocumentsAreAppliedReadChangedAndDeleted) {
  ASSERT_EQ(Run({"apply", "--dry-run", "-f", "-"}, kMesh), 0) << err;
  EXPECT_TRUE(Says("meshservice/demo/cart created (dry run)\n")) << out;
  ASSERT_EQ(Run({"apply", "-f", "-"}, kMesh), 0) << err;
  EXPECT_EQ(out, "meshservice/demo/cart created\nservicepolicy/demo/cart created\n");
  ASSERT_EQ(Run({"apply", "-n", "demo", "-f", "-"}, kMesh), 0) << err;
  EXPECT_EQ(out, "meshservice/cart unchanged\nservicepolicy/cart unchanged\n");
  ASSERT_EQ(Run({"get", "services", "-A"}), 0) << err;
  EXPECT_TRUE(Says("demo        cart   http:80/HTTP   1           1         api\n")) << out;
  ASSERT_EQ(Run({"get", "sp", "-n", "demo"}), 0) << err;
  EXPECT_TRUE(Says("cart   MeshService/cart   timeouts\n")) << out;
  ASSERT_EQ(Run({"get", "meshservice/cart", "-n", "demo", "-o", "yaml"}), 0) << err;
  EXPECT_EQ(Run({"apply", "-f", "-"}, out), 0) << "what is printed applies again: " << err;
  for (const char* format : {"yaml", "json"}) {
    ASSERT_EQ(Run({"get", "meshservices", "-n", "demo", "-o", format}), 0) << err;
    EXPECT_TRUE(Says("creationTimestamp")) << out;
    ASSERT_EQ(Run({"apply", "-f", "-"}, std::string(out)), 0) << err;
    EXPECT_EQ(out, "meshservice/demo/cart unchanged\n");
  }
  ASSERT_EQ(Run({"describe", "service", "demo/cart"}), 0) << err;
  EXPECT_TRUE(Says("fixed")) << out;
  ASSERT_EQ(Run({"delete", "-f", "-"}, kMesh), 0) << err;
  EXPECT_EQ(Run({"get", "sp", "demo/cart"}), 1);
}

TEST_F(WeftctlTest, AChangeIsShownBeforehandAndRolledBack) {
  std::string longer = kMesh;
  longer.replace(longer.find("3s"), 2, "5s");
  EXPECT_EQ(Run({"diff", "-f", "-"}, kMesh), 1) << err;
  ASSERT_EQ(Run({"apply", "-f", "-"}, kMesh), 0) << err;
  EXPECT_EQ(Run({"diff", "-f", "-"}, kMesh), 0) << out;
  EXPECT_EQ(Run({"diff", "-f", "-"}, longer), 1) << err;
  EXPECT_TRUE(Says("\n-    request: 3s\n+    request: 5s\n")) << out;
  EXPECT_EQ(Run({"diff", "-f", "-"}, "kind: Potato"), 2);
  ASSERT_EQ(Run({"apply", "-f", "-"}, longer), 0) << err;
  EXPECT_EQ(Run({"diff", "1", "2"}), 1) << err;
  EXPECT_TRUE(Says("+    request: 5s\n")) << out;
  ASSERT_EQ(Run({"history", "sp", "demo/cart"}), 0) << err;
  EXPECT_TRUE(Says("loopback   ServicePolicy demo/cart\n")) << out;
  ASSERT_EQ(Run({"rollback", "1", "-n", "demo"}), 0) << err;
  EXPECT_EQ(out, "servicepolicy/cart configured\nrevision 1 is back, as revision 3\n");
  EXPECT_EQ(Run({"diff", "-f", "-"}, kMesh), 0) << out;
  ASSERT_EQ(Run({"rollback", "1"}), 0) << err;
  EXPECT_TRUE(Says("nothing to change")) << out;
}

TEST_F(WeftctlTest, InstancesAreRegisteredListedAndRemoved) {
  ASSERT_EQ(Run({"apply", "-f", "-"}, kMesh), 0) << err;
  ASSERT_EQ(Run({"register", "demo/cart", "cart-1", "--address", "127.0.0.1", "--port", "8080", "--meshed",
                 "--ttl", "30s"}),
            0)
      << err;
  ASSERT_EQ(Run({"register", "demo/cart", "cart-2", "--address", "127.0.0.1", "--ports", "http=81"}), 0)
      << err;
  ASSERT_EQ(Run({"instances", "-n", "demo", "cart"}), 0) << err;
  EXPECT_TRUE(Says("cart-1   127.0.0.1   8080   unknown   1        -      30s   registered\n")) << out;
  EXPECT_TRUE(Says("fixed    10.0.0.9    8080   unknown   1        -      -     static\n")) << out;
  ASSERT_EQ(Run({"delete", "instance", "demo/cart/cart-2"}), 0) << err;
  ASSERT_EQ(Run({"stat", "-n", "demo"}), 0) << err;
  EXPECT_TRUE(Says("cart      1/2")) << out;
}

// Speaks Mesh and Telemetry by hand: one agent that keeps one record.
struct FakeAgent {
  explicit FakeAgent(const net::Address& grpc)
      : channel(grpc::CreateChannel(grpc.ToString(), grpc::InsecureChannelCredentials())),
        mesh_stub(v1::Mesh::NewStub(channel)),
        telemetry_stub(v1::Telemetry::NewStub(channel)) {
    const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(30);
    mesh_context.set_deadline(deadline);
    telemetry_context.set_deadline(deadline);
    mesh = mesh_stub->Connect(&mesh_context);
    telemetry = telemetry_stub->Report(&telemetry_context);
  }
  void Greet() {
    v1::AgentMessage hello;
    hello.mutable_hello()->set_node_id("web-1");
    hello.mutable_hello()->set_namespace_("demo");
    hello.mutable_hello()->set_service("web");
    hello.mutable_hello()->set_program_version("0.1.0");
    v1::ServiceKey& key = *hello.mutable_hello()->add_held()->mutable_service();
    key.set_namespace_("demo");
    key.set_name("cart");
    EXPECT_TRUE(mesh->Write(hello));
    v1::ControlMessage delta;
    do {  // the first may come before what was applied was compiled
      EXPECT_TRUE(mesh->Read(&delta));
    } while (delta.delta().bundles_size() == 0);
    v1::AgentMessage nack;
    nack.mutable_ack()->set_sequence(delta.delta().sequence());
    v1::BundleNack& rejected = *nack.mutable_ack()->add_rejected();
    *rejected.mutable_service() = key;
    rejected.set_hash(delta.delta().bundles(0).hash());
    rejected.set_field("ports[0].port");
    rejected.set_detail("is not to my taste");
    EXPECT_TRUE(mesh->Write(nack));
    v1::ReportMessage report_hello;
    report_hello.mutable_hello()->set_node_id("web-1");
    EXPECT_TRUE(telemetry->Write(report_hello));
    v1::ReportCommand settings;
    EXPECT_TRUE(telemetry->Read(&settings));
  }
  void AnswerOneExplain() {
    v1::ReportCommand command;
    EXPECT_TRUE(telemetry->Read(&command));
    v1::ReportMessage answer;
    answer.mutable_explain()->set_id(command.explain().id());
    answer.mutable_explain()->add_records(
        R"({"requestId": "r-1", "direction": "outbound", "status": 503, "reason": "breaker_open", "tookMs": 1, "attempts": []})");
    EXPECT_TRUE(telemetry->Write(answer));
  }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Mesh::Stub> mesh_stub;
  std::unique_ptr<v1::Telemetry::Stub> telemetry_stub;
  grpc::ClientContext mesh_context, telemetry_context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControlMessage>> mesh;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ReportMessage, v1::ReportCommand>> telemetry;
};

TEST_F(WeftctlTest, AgentsAreListedExplainedCheckedAndDrained) {
  ASSERT_EQ(Run({"apply", "-f", "-"}, kMesh), 0) << err;
  FakeAgent agent(program->grpc());
  agent.Greet();
  const TimePoint deadline = ReadMonotonicClock() + std::chrono::seconds(20);
  do {
    ASSERT_EQ(Run({"agents"}), 0) << err;
  } while (!Says("demo/cart: ports[0].port: is not to my taste") && ReadMonotonicClock() < deadline);
  EXPECT_TRUE(Says("web-1   web       0.1.0     -          partial")) << out;
  std::thread answering([&] { agent.AnswerOneExplain(); });
  EXPECT_EQ(Run({"explain", "r-1"}), 0) << err;
  answering.join();
  EXPECT_TRUE(Says("r-1 outbound: 503 breaker_open")) << out;
  EXPECT_TRUE(Says("agent       web-1")) << out;
  EXPECT_EQ(Run({"check"}), 1) << "a part was refused";
  EXPECT_TRUE(Says("× every agent took all of its configuration\n    some refused a part: web-1")) << out;
  ASSERT_EQ(Run({"drain", "web-1"}), 0) << err;
  v1::ControlMessage command;
  EXPECT_TRUE(agent.mesh->Read(&command));
  EXPECT_TRUE(command.command().has_drain());
  EXPECT_EQ(Run({"drain", "nobody"}), 1);
  agent.mesh_context.TryCancel();
  agent.telemetry_context.TryCancel();
}

}  // namespace
}  // namespace weft
