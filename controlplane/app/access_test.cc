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
    settings.token_file = folder + "/tokens";
    std::ofstream(settings.token_file) << "viewer-secret vera viewer\nadmin-secret ann admin\n";
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
  EXPECT_NE(Call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"), grpc::StatusCode::OK);
}

TEST_F(AccessTest, AWriteLeavesALineThatSaysWhoDidWhat) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(Apply(kCart, Bearer("admin-secret")).status, 200U);
  EXPECT_EQ(Apply("nonsense", Bearer("admin-secret")).status, 400U);
  EXPECT_EQ(Apply(kCart, Bearer("viewer-secret")).status, 403U);
  End();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("audit who=ann role=admin from=127.0.0.1:"), std::string::npos) << log;
  EXPECT_NE(log.find("subject=\"MeshService default/cart created\" revision=1 outcome=done"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("outcome=refused"), std::string::npos) << log;
  EXPECT_EQ(log.find("admin-secret"), std::string::npos) << "no secret is logged";
}

}  // namespace
}  // namespace weft::control
