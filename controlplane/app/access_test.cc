// With credentials configured nothing is to be had without them, but health and readiness.
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>

#include "controlplane/api/table.h"
#include "controlplane/app/program_fixture.h"
#include "weft/v1/identity.grpc.pb.h"
#include "weft/v1/mesh.grpc.pb.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft::control {
namespace {

class AccessTest : public ProgramTest {
 protected:
  void SetUp() override {
    WriteTokens("viewer-secret vera viewer\nadmin-secret ann admin\n");
    Begin();
  }
  static http::Fields Bearer(const std::string& secret) { return {{"Authorization", "Bearer " + secret}}; }

  // What an empty request to this method ends with.
  grpc::StatusCode Call(const std::string& method) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    Await(queue);
    const grpc::Slice empty("");
    call->WriteLast(grpc::ByteBuffer(&empty, 1), {}, nullptr);
    Await(queue);
    grpc::Status status;
    call->Finish(&status, nullptr);
    Await(queue);
    return status.error_code();
  }
  static void Await(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
  }
};

TEST_F(AccessTest, EveryPathOfTheTableNeedsAToken) {
  for (const api::Row& row : api::kTable) {
    std::string path = "/api/v1/" + std::string(row.path);
    for (auto open = path.find('{'); open != std::string::npos; open = path.find('{'))
      path.replace(open, path.find('}') - open + 1, "1");
    EXPECT_EQ(ProgramTest::Call(std::string(row.verb), path).status, 401U) << row.verb << " " << path;
  }
  EXPECT_EQ(ProgramTest::Call("GET", "/healthz").status, 200U);
  EXPECT_EQ(ProgramTest::Call("GET", "/readyz").status, 200U);
  EXPECT_EQ(ProgramTest::Call("GET", "/metrics").status, 200U) << "unless --metrics-auth says otherwise";
}

TEST_F(AccessTest, MetricsAreForThoseWhoMayReadWhereTheSettingSaysSo) {
  End();
  settings.metrics_auth = true;
  Begin();
  EXPECT_EQ(ProgramTest::Call("GET", "/metrics").status, 401U);
  EXPECT_EQ(ProgramTest::Call("GET", "/metrics", {}, Bearer("unknown-secret")).status, 401U);
  const http::Response page = ProgramTest::Call("GET", "/metrics", {}, Bearer("viewer-secret"));
  EXPECT_EQ(page.status, 200U);
  EXPECT_NE(page.body.find("weft_control_agents"), std::string::npos);
  EXPECT_EQ(ProgramTest::Call("GET", "/healthz").status, 200U);
}

TEST_F(AccessTest, ASecretThatOthersMayReadIsRefusedUnlessTheSettingTakesIt) {
  End();
  std::filesystem::permissions(settings.token_file, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const auto refused = Program::Start(settings);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().Text().find(settings.token_file), std::string::npos) << refused.error().Text();
  EXPECT_NE(refused.error().Text().find("chmod 600"), std::string::npos) << refused.error().Text();
  settings.allow_exposed_secrets = true;
  Begin();
  EXPECT_EQ(ProgramTest::Call("GET", "/api/v1/services", {}, Bearer("viewer-secret")).status, 200U);
}

TEST_F(AccessTest, EventsAreAStreamThatGoesOnWithWhatComes) {
  ASSERT_EQ(Apply(kCart, Bearer("admin-secret")).status, 200U);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  context.AddMetadata("authorization", "Bearer viewer-secret");
  v1::WatchEventsRequest request;
  request.set_reason("ConfigurationWritten");
  const auto stream = v1::Telemetry::NewStub(channel)->WatchEvents(&context, request);
  v1::Event event;
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.name(), "1");
  ASSERT_EQ(Apply(kRoute, Bearer("admin-secret")).status, 200U);
  ASSERT_TRUE(stream->Read(&event));
  EXPECT_EQ(event.name(), "2");
  EXPECT_EQ(event.message(), "1 resource(s) changed by ann");
  context.TryCancel();
  EXPECT_FALSE(stream->Read(&event));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AccessTest, EveryMethodNeedsAToken) {
  int methods = 0;
  for (const auto* file : {v1::GetServiceRequest::descriptor()->file(),
                           v1::ApplyRequest::descriptor()->file(), v1::Hello::descriptor()->file(),
                           v1::AgentReport::descriptor()->file(), v1::JoinToken::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m, ++methods) {
        const auto* method = file->service(s)->method(m);
        EXPECT_EQ(Call("/" + method->service()->full_name() + "/" + method->name()),
                  grpc::StatusCode::UNAUTHENTICATED)
            << method->full_name();
      }
    }
  }
  EXPECT_GE(methods, 35);
  for (const char* version : {"v1", "v1alpha"}) {
    EXPECT_EQ(Call(std::string("/grpc.reflection.") + version + ".ServerReflection/ServerReflectionInfo"),
              grpc::StatusCode::UNAUTHENTICATED);
  }
}

TEST_F(AccessTest, AWriteLeavesALineThatSaysWhoDidWhat) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(Apply(kCart, Bearer("admin-secret")).status, 200U);
  EXPECT_EQ(Apply("nonsense", Bearer("admin-secret")).status, 400U);
  EXPECT_EQ(Apply(kCart, Bearer("viewer-secret")).status, 403U);
  EXPECT_EQ(ProgramTest::Call("DELETE", "/api/v1/services/default/cart", {}, Bearer("viewer-secret")).status,
            403U);
  EXPECT_EQ(ProgramTest::Call("GET", "/api/v1/agents/x/config", {}, Bearer("viewer-secret")).status, 404U);
  End();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("audit who=ann role=admin from=127.0.0.1:"), std::string::npos) << log;
  EXPECT_NE(log.find("subject=\"MeshService default/cart created\" revision=1 outcome=done"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("outcome=refused"), std::string::npos) << log;
  EXPECT_NE(log.find("audit who=vera role=viewer from=127.0.0.1:"), std::string::npos) << log;
  EXPECT_NE(log.find("call=\"DELETE services/{namespace}/{name}\" subject=services/default/cart"),
            std::string::npos)
      << log;
  EXPECT_EQ(log.find("agents/x/config"), std::string::npos) << "what reads leaves none";
  EXPECT_EQ(log.find("admin-secret"), std::string::npos) << "no secret is logged";
}

}  // namespace
}  // namespace weft::control
