// The agent's own telemetry stream against the control plane's own collector, over gRPC on loopback.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "agent/uplink/uplink.h"
#include "controlplane/telemetry/service.h"
#include "tests/support/turned_cold.h"
#include "weft/v1/telemetry.grpc.pb.h"

namespace weft {
namespace {

const report::EdgeKey kCart{{{"local", "default", "cart"}, 80}, engine::Direction::kOutbound};

// A control plane that keeps its port over restarts.
struct Collecting {
  void Start() {
    collector = std::make_unique<telemetry::Collector>([] { return telemetry::EndpointLists(); },
                                                       std::chrono::milliseconds(100));
    const auto everybody = [](const auto&) { return Result<auth::Principal>(auth::Principal{}); };
    service = telemetry::MakeTelemetryService(*collector, everybody, everybody);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service.get());
    server = builder.BuildAndStart();
  }
  void Stop() {
    server->Shutdown(std::chrono::system_clock::now());
    server.reset();
  }
  std::uint64_t Requests() const {
    const auto document = nlohmann::json::parse(collector->HealthStats("id"));
    const auto& breakers = document["statistics"]["circuit_breakers"];
    return breakers.contains("cart") ? breakers["cart"]["total_requests"].get<std::uint64_t>() : 0;
  }

  int port = 0;
  std::unique_ptr<telemetry::Collector> collector;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
};

class TelemetryStreamTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "gRPC is not instrumented";
#endif
    control.Start();
    dialer = std::make_unique<dial::Dialer>(
        cold, dial::DialerOptions{"127.0.0.1:" + std::to_string(control.port), {}});
    uplink::Options options;
    options.node_id = "web-1";
    options.interval = std::chrono::milliseconds(100);
    uplink::Sources sources;
    sources.gather = [this](const auto& done) { done(Status()); };
    sources.explain = [](const std::string& id, std::size_t, const auto& done) {
      done(id == "known" ? uplink::Records{R"({"id": "known"})"} : uplink::Records());
    };
    agent = std::make_unique<uplink::Uplink>(*dialer, options, sources);
  }
  void TearDown() override {
    agent.reset();
    dialer.reset();
    if (control.server != nullptr) control.Stop();
  }
  report::AgentStatus Status() const {
    report::AgentStatus status;
    status.totals[kCart].edges["default"].requests = counted;
    return status;
  }

  Collecting control;
  support::TurnedCold cold;
  std::uint64_t counted = 0;
  std::unique_ptr<dial::Dialer> dialer;
  std::unique_ptr<uplink::Uplink> agent;
};

TEST_F(TelemetryStreamTest, AnExplainAsksTheAgentAndJoinsItsRecords) {
  agent->Start();
  ASSERT_TRUE(cold.Until([&] { return control.collector->agents() == 1; }));
  for (const std::string id : {"known", "unknown"}) {
    std::future<v1::ExplainResult> answer = std::async(
        std::launch::async, [&] { return control.collector->Explain(id, std::chrono::seconds(20)); });
    ASSERT_TRUE(cold.Until([&] { return answer.wait_for(Duration::zero()) == std::future_status::ready; }));
    const v1::ExplainResult result = answer.get();
    EXPECT_EQ(result.answered(), 1U);
    ASSERT_EQ(result.records_size(), id == "known" ? 1 : 0);
    for (const auto& record : result.records()) EXPECT_EQ(record.node_id(), "web-1");
  }
}

TEST_F(TelemetryStreamTest, WhatIsCountedWithoutAControlPlaneIsReportedToTheNextOneOnce) {
  control.Stop();
  agent->Start();
  counted = 7;
  control.Start();
  ASSERT_TRUE(cold.Until([&] { return agent->connected(); }));
  ASSERT_TRUE(cold.Until([&] { return control.Requests() == 7; }));
  counted = 9;
  ASSERT_TRUE(cold.Until([&] { return control.Requests() == 9; })) << "only what is new is added";
}

TEST_F(TelemetryStreamTest, WhoReadsTheGraphByGrpcSeesTheEdgeOfTheAgentsService) {
  agent->Start();
  counted = 5;
  ASSERT_TRUE(cold.Until([&] { return control.Requests() == 5; }));
  const auto stub = v1::Telemetry::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(control.port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext graph_context, issues_context;
  v1::GetGraphResponse graph;
  ASSERT_TRUE(stub->GetGraph(&graph_context, {}, &graph).ok());
  ASSERT_EQ(graph.edges_size(), 1);
  EXPECT_EQ(graph.edges(0).from().name(), "web-1") << "it has no service: its own name";
  EXPECT_EQ(graph.edges(0).to().name(), "cart");
  EXPECT_EQ(graph.edges(0).flow().requests(), 5U);
  v1::ListIssuesResponse issues;
  ASSERT_TRUE(stub->ListIssues(&issues_context, {}, &issues).ok());
  EXPECT_EQ(issues.issues_size(), 0);
}

}  // namespace
}  // namespace weft
