// The agent's own link and manager against the control plane's own hub and service, over gRPC on loopback.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <fstream>

#include "agent/config/grpc_link.h"
#include "agent/config/manager.h"
#include "controlplane/stream/service.h"
#include "tests/support/turned_cold.h"
#include "weft/v1/mesh.grpc.pb.h"

namespace weft {
namespace {

ServiceKey Key(const std::string& name) { return {"local", "default", name}; }

// A control plane that keeps its port over restarts.
struct Control {
  void Start() {
    hub = std::make_unique<stream::Hub>();
    service = stream::MakeMeshService(*hub, [](const auth::Credentials& shown) -> Result<auth::Principal> {
      if (shown.authorization == "Bearer s3cret") return auth::Principal{};
      return Error{ErrorKind::kUnauthenticated, "no valid token", {}, {}};
    });
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
    hub->Start();
  }
  void Stop() {
    hub->Stop({ErrorKind::kUnavailable, "stopping", {}, {}});
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
    server.reset();
  }
  void Release(snapshot::Version version, const std::vector<std::string>& names,
               std::uint16_t port_of_first = 80) {
    compile::Output output;
    for (const std::string& name : names) {
      policy::ServiceBundle& bundle = output.bundles[Key(name)];
      bundle.key = Key(name);
      bundle.ports = {
          {"http", name == names.front() ? port_of_first : std::uint16_t{80}, policy::Protocol::kHttp}};
      bundle.policy.retry.attempts = static_cast<std::uint32_t>(version.revision);
    }
    hub->SetRelease({stream::MakeRelease(output, version, hub->release())});
  }
  v1::Agent AgentNow() const {
    const std::vector<v1::Agent> agents = hub->Agents("");
    return agents.empty() ? v1::Agent() : agents.front();
  }

  int port = 0;
  std::unique_ptr<stream::Hub> hub;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
};

class ControlStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    control.Start();
    const std::string token_file = testing::TempDir() + "weft-control-stream-token";
    std::ofstream(token_file) << "s3cret web agent\n";
    config::GrpcLinkOptions link;
    dialer = std::make_unique<dial::Dialer>(
        cold, dial::DialerOptions{"127.0.0.1:" + std::to_string(control.port), token_file});
    link.node_id = "web-1";
    link.ns = "default";
    link.service = "web";
    config::ManagerOptions options;
    options.initial = {Key("web"), Key("cart")};
    manager = std::make_unique<config::Manager>(
        cold, options,
        config::ManagerHooks{.install = [this](snapshot::SnapshotPtr next) { snapshot = std::move(next); },
                             .drain = [this](Duration) { drained = true; },
                             .log = [](bool, const std::string&) {}},
        std::make_unique<config::GrpcLink>(*dialer, link));
  }
  void TearDown() override {
    manager->Stop();
    manager.reset();
    dialer.reset();
    control.Stop();
  }
  std::uint32_t AttemptsOf(const std::string& name) const {
    const snapshot::Service* service = snapshot == nullptr ? nullptr : snapshot->Find(Key(name));
    return service == nullptr || service->bundle == nullptr ? 0 : service->bundle->policy.retry.attempts;
  }

  Control control;
  support::TurnedCold cold;
  snapshot::SnapshotPtr snapshot;
  bool drained = false;
  std::unique_ptr<dial::Dialer> dialer;
  std::unique_ptr<config::Manager> manager;
};

TEST_F(ControlStreamTest, AnAgentConnectsIsServedAcknowledgesAndFollows) {
  control.Release({"store", 1, 1}, {"web", "cart", "other"});
  manager->Start();
  ASSERT_TRUE(cold.Until([&] { return AttemptsOf("cart") == 1 && AttemptsOf("web") == 1; }));
  EXPECT_EQ(AttemptsOf("other"), 0U) << "not subscribed";
  ASSERT_TRUE(cold.Until([&] { return control.AgentNow().effective().revision() == 1; })) << "acknowledged";
  control.Release({"store", 1, 2}, {"web", "cart", "other"});
  ASSERT_TRUE(cold.Until([&] { return AttemptsOf("cart") == 2; }));
  bool answered = false, found = true;
  manager->Need(Key("nobody"), [&](bool there) { answered = true, found = there; });
  ASSERT_TRUE(cold.Until([&] { return answered; }));
  EXPECT_FALSE(found);
  manager->Need(Key("other"), [&](bool there) { found = there; });
  ASSERT_TRUE(cold.Until([&] { return found && AttemptsOf("other") == 2; })) << "subscribed on first use";
  ASSERT_TRUE(control.hub->Drain("web-1", 0));
  ASSERT_TRUE(cold.Until([&] { return drained; }));
}

TEST_F(ControlStreamTest, ABadBundleIsRefusedAloneAndNamedInTheDirectory) {
  control.Release({"store", 1, 1}, {"cart", "web"});
  manager->Start();
  ASSERT_TRUE(cold.Until([&] { return AttemptsOf("web") == 1; }));
  control.Release({"store", 1, 2}, {"cart", "web"}, 0);
  ASSERT_TRUE(cold.Until([&] { return control.AgentNow().partial(); }));
  EXPECT_EQ(control.AgentNow().last_nack().service().name(), "cart");
  EXPECT_EQ(control.AgentNow().last_nack().field(), "ports[0].port");
  EXPECT_EQ(AttemptsOf("cart"), 1U) << "keeps its last good version";
  EXPECT_EQ(AttemptsOf("web"), 2U);
  EXPECT_EQ(control.hub->metrics().rejects, 1U);
}

TEST_F(ControlStreamTest, ALowerRevisionIsRefusedAndANewStoreThatEmptiesTheMeshWaitsToBeAccepted) {
  control.Release({"store", 1, 5}, {"web", "cart"});
  manager->Start();
  ASSERT_TRUE(cold.Until([&] { return AttemptsOf("cart") == 5; }));
  control.Stop();
  control.Start();
  control.Release({"store", 1, 4}, {"web", "cart"});
  ASSERT_TRUE(cold.Until([&] { return control.AgentNow().partial(); }))
      << "the older state was refused whole";
  EXPECT_EQ(AttemptsOf("cart"), 5U);
  control.Stop();
  control.Start();
  control.Release({"new-store", 1, 1}, {});
  ASSERT_TRUE(cold.Until([&] { return control.AgentNow().awaiting_confirmation(); }));
  EXPECT_EQ(AttemptsOf("cart"), 5U) << "traffic goes on";
  EXPECT_EQ(*control.hub->Accept("web-1"), 1U);
  ASSERT_TRUE(cold.Until([&] { return AttemptsOf("cart") == 0; }));
  ASSERT_TRUE(cold.Until([&] { return !control.AgentNow().awaiting_confirmation(); }));
  control.Release({"new-store", 1, 7}, {"cart"});
  ASSERT_TRUE(cold.Until([&] { return AttemptsOf("cart") == 7; }));
}

}  // namespace
}  // namespace weft
