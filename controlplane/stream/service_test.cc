#include "controlplane/stream/service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <thread>

#include "weft/v1/mesh.grpc.pb.h"

namespace weft::stream {
namespace {

// The hub behind a real server on a free port of loopback; the token is "secret".
struct Server {
  Server()
      : hub([this] { return ReadMonotonicClock() + ahead.load(); }), service(MakeMeshService(hub, Check)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    hub.Start();
  }
  ~Server() {
    hub.Stop({ErrorKind::kUnavailable, "stopping", {}, {}});
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  }
  static Result<auth::Principal> Check(const auth::Credentials& shown) {
    EXPECT_TRUE(shown.peer.ip.IsLoopback()) << shown.peer.ToString();
    if (shown.authorization == "Bearer secret") return auth::Principal{};
    if (shown.authorization == "Bearer of-cart")
      return auth::Principal{"cart", auth::Role::kAgent, "default", "cart"};
    return Error{ErrorKind::kUnauthenticated, "show a token: controlPlane.tokenFile", {}, {}};
  }
  std::unique_ptr<v1::Mesh::Stub> Stub() const {
    return v1::Mesh::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  }

  std::atomic<Duration> ahead{Duration::zero()};  // of the real clock
  Hub hub;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

struct Call {
  Call(const Server& server, const std::string& token) : stub(server.Stub()) {
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    context.AddMetadata("authorization", "Bearer " + token);
    stream = stub->Connect(&context);
  }
  void Hello(const std::string& node, const std::string& service) {
    v1::AgentMessage message;
    message.mutable_hello()->set_node_id(node);
    message.mutable_hello()->set_namespace_("default");
    v1::ServiceKey& key = *message.mutable_hello()->add_held()->mutable_service();
    key.set_namespace_("default");
    key.set_name(service);
    EXPECT_TRUE(stream->Write(message));
  }
  v1::ControlMessage Read() {
    v1::ControlMessage message;
    EXPECT_TRUE(stream->Read(&message));
    return message;
  }

  std::unique_ptr<v1::Mesh::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControlMessage>> stream;
};

ReleasePtr CartRelease(std::uint64_t revision) {
  compile::Output output;
  policy::ServiceBundle& bundle = output.bundles[{"local", "default", "cart"}];
  bundle.key = {"local", "default", "cart"};
  bundle.ports = {{"http", 80, policy::Protocol::kHttp}};
  policy::ServiceBundle& large = output.bundles[{"local", "default", "large"}];
  large = bundle;
  large.key.name = "large";
  large.sources.assign(1000, {"timeouts.request", std::string(2000, 'x')});
  return MakeRelease(output, {"store", 1, revision}, nullptr);
}

TEST(MeshServiceTest, AnAgentConnectsGetsItsBundleAndTheNextRevisionAsItIsReleased) {
  Server server;
  server.hub.SetRelease({CartRelease(1)});
  Call call(server, "secret");
  call.Hello("cart-1", "cart");
  const v1::ControlMessage first = call.Read();
  EXPECT_TRUE(first.delta().full());
  ASSERT_EQ(first.delta().bundles_size(), 1);
  EXPECT_EQ(first.delta().version().revision(), 1U);
  server.hub.SetRelease({CartRelease(2)});
  EXPECT_EQ(call.Read().delta().version().revision(), 2U);
  ASSERT_TRUE(server.hub.Drain("cart-1", 0));
  EXPECT_TRUE(call.Read().command().has_drain());
}

TEST(MeshServiceTest, AWrongTokenEndsTheStreamBeforeItBegins) {
  Server server;
  Call call(server, "guessed");
  v1::ControlMessage message;
  EXPECT_FALSE(call.stream->Read(&message));
  const grpc::Status status = call.stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_NE(status.error_message().find("tokenFile"), std::string::npos);
}

TEST(MeshServiceTest, AStreamWithoutHelloIsRefusedWithTheField) {
  Server server;
  Call call(server, "secret");
  v1::AgentMessage message;
  message.mutable_subscribe();
  call.stream->Write(message);
  v1::ControlMessage ignored;
  EXPECT_FALSE(call.stream->Read(&ignored));
  EXPECT_EQ(call.stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(MeshServiceTest, AnAgentThatTakesNothingIsCutOffAndNobodyElse) {
  Server server;
  server.hub.SetRelease({CartRelease(1)});
  Call stuck(server, "secret"), good(server, "secret");
  stuck.Hello("stuck", "large");  // more than its window takes
  good.Hello("good", "cart");
  EXPECT_TRUE(good.Read().delta().full());
  const auto agents = [&](std::size_t count) {
    while (server.hub.metrics().agents != count) std::this_thread::yield();
  };
  agents(2);
  v1::AgentMessage ack;
  ack.mutable_ack()->set_sequence(1);
  ack.mutable_ack()->mutable_effective()->set_revision(1);
  ASSERT_TRUE(good.stream->Write(ack));
  while (server.hub.Agents("").front().effective().revision() != 1) std::this_thread::yield();
  server.ahead = kAckPatience + std::chrono::seconds(1);
  server.hub.Tick();
  server.ahead = kAckPatience + std::chrono::seconds(10);
  server.hub.Tick();
  agents(1);
  server.hub.SetRelease({CartRelease(2)});
  EXPECT_EQ(good.Read().delta().version().revision(), 2U);
  v1::ControlMessage message;
  while (stuck.stream->Read(&message)) continue;
  EXPECT_FALSE(stuck.stream->Finish().ok());
}

TEST(MeshServiceTest, StoppingEndsEveryStreamAndLeavesNoSession) {
  Server server;
  Call call(server, "secret");
  call.Hello("cart-1", "cart");
  call.Read();
  EXPECT_EQ(server.hub.metrics().agents, 1U);
  server.hub.Stop({ErrorKind::kUnavailable, "stopping", {}, {}});
  v1::ControlMessage message;
  while (call.stream->Read(&message)) continue;
  EXPECT_EQ(call.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace weft::stream
