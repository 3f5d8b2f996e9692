#include "agent/report/status.h"

#include <gtest/gtest.h>

#include <thread>

namespace weft::report {
namespace {

using std::chrono::seconds;

const BackendKey kCart{{"local", "default", "cart"}, 80};

AgentStatus OneWorker(std::string state = "closed") {
  AgentStatus status;
  status.revision = 7;
  status.generations = 1;
  BackendStatus& backend = status.backends[{kCart, engine::Direction::kOutbound}];
  backend.circuit.state = std::move(state);
  backend.circuit.to_open = 2;
  backend.pool = {1, 2, 3, 100};
  backend.foreseen = {3, 1, 2, seconds(27)};
  backend.adaptive_timeout = std::chrono::milliseconds(200);
  backend.beyond_timeout = 4;
  backend.instances["cart-1"].state = engine::InstanceState::kDegraded;
  backend.instances["cart-1"].in_flight = 1;
  status.totals[{kCart, engine::Direction::kOutbound}].lent = 4;
  status.totals[{kCart, engine::Direction::kOutbound}].reused = 3;
  return status;
}

TEST(StatusTest, WorkersAddUpExceptWhatTheyShare) {
  AgentStatus status = OneWorker();
  Merge(status, OneWorker());
  const BackendStatus& backend = status.backends.begin()->second;
  EXPECT_EQ(backend.pool.active, 2U);
  EXPECT_EQ(backend.foreseen.hits, 6U);
  EXPECT_EQ(backend.foreseen.lead, seconds(54));
  EXPECT_EQ(backend.adaptive_timeout, std::chrono::milliseconds(200));
  EXPECT_EQ(backend.beyond_timeout, 8U);
  EXPECT_EQ(backend.pool.max_connections, 100U);
  EXPECT_EQ(backend.circuit.to_open, 2U);
  EXPECT_EQ(backend.instances.at("cart-1").in_flight, 2U);
  EXPECT_EQ(status.revision, 7U);
}

TEST(StatusTest, TheHealthOfAnInstanceIsOneNumberOfThreeParts) {
  using std::chrono::milliseconds;
  BackendStatus backend;
  for (const char* id : {"a", "b", "c", "slow", "failing", "out", "unused"}) backend.instances[id];
  for (const char* id : {"a", "b", "c"}) backend.instances[id].recent = {0, 100, milliseconds(10)};
  backend.instances["slow"].recent = {0, 100, milliseconds(30)};
  backend.instances["failing"].recent = {45, 100, milliseconds(10)};  // 30 of 100 are 5xx
  backend.instances["out"].state = engine::InstanceState::kEjected;
  FillHealth(backend);
  const auto number = [&](const char* id) { return backend.instances[id].health.number(); };
  EXPECT_EQ(number("a"), 100);
  EXPECT_NEAR(number("slow"), 50, 0.01);
  EXPECT_NEAR(number("failing"), 55, 0.01);
  EXPECT_EQ(number("out"), 0);
  EXPECT_EQ(number("unused"), 100);
  backend.instances["slow"].state = engine::InstanceState::kDegraded;
  FillHealth(backend);
  EXPECT_NEAR(number("slow"), 25, 0.01);
}

TEST(StatusTest, WhatWorkersSawOfAnInstanceIsWeighedByItsRequests) {
  using std::chrono::milliseconds;
  const auto worker = [](std::uint32_t requests, double points, Duration latency) {
    AgentStatus status;
    status.backends[{kCart, engine::Direction::kOutbound}].instances["cart-1"].recent = {points, requests,
                                                                                         latency};
    return status;
  };
  AgentStatus status = worker(300, 3, milliseconds(10));
  Merge(status, worker(100, 50, milliseconds(50)));
  const engine::Recent& recent = status.backends.begin()->second.instances.at("cart-1").recent;
  EXPECT_EQ(recent.requests, 400U);
  EXPECT_EQ(recent.points, 53);
  EXPECT_EQ(recent.latency, milliseconds(20));
}

TEST(StatusTest, StatesAreSamples) {
  metrics::Registry registry;
  const Families families(registry);
  registry.AddSource([&](metrics::Samples& samples) { AddSamples(families, OneWorker("open"), samples); });
  const std::string text = registry.Text();
  for (const char* line :
       {"weft_circuit_state{service=\"cart\",namespace=\"default\",port=\"80\",state=\"open\"} 1\n",
        "weft_circuit_state{service=\"cart\",namespace=\"default\",port=\"80\",state=\"closed\"} 0\n",
        "weft_circuit_transitions_total{service=\"cart\",namespace=\"default\",port=\"80\",to=\"open\"} 2\n",
        "weft_instance_health{service=\"cart\",namespace=\"default\",instance=\"cart-1\",state=\"degraded\"} "
        "1\n",
        "weft_pool_connections{service=\"cart\",namespace=\"default\",state=\"pending\"} 3\n",
        "weft_pool_reuse_ratio{service=\"cart\",namespace=\"default\"} 0.75\n", "weft_config_revision 7\n",
        "weft_snapshot_generations 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(StatusTest, GatheringAsksEveryWorkerOnItsOwnThread) {
  metrics::Registry registry;
  const Families families(registry);
  engine::Shared shared(1);
  engine::Engine first({}, shared, nullptr), second({}, shared, nullptr);
  Reporter one(registry, families, nullptr), two(registry, families, nullptr);
  loop::EventLoop a, b;
  std::size_t answers = 0;
  Gather({{&a, &first, &one}, {&b, &second, &two}}, [&](AgentStatus status) {
    ++answers;
    EXPECT_TRUE(status.backends.empty());
  });
  a.RunOnce(Duration::zero());
  EXPECT_EQ(answers, 0U);
  b.RunOnce(Duration::zero());
  EXPECT_EQ(answers, 1U);
}

TEST(EjectionWatchTest, EachEjectionIsCountedOnceHoweverManyViewsShowIt) {
  metrics::Registry registry;
  const Families families(registry);
  EjectionWatch watch(registry, families);
  const auto name = [](const BackendKey&, std::uint64_t) { return std::string("cart-1"); };
  engine::ServiceView view;
  view.backends[kCart] = {{1, engine::InstanceState::kEjected, TimePoint(seconds(5)), "consecutive"}};
  watch.Observe(view, name);
  watch.Observe(view, name);
  view.backends[kCart][0].until = TimePoint(seconds(20));
  watch.Observe(view, name);
  const std::array<std::string_view, 4> values = {"cart", "default", "cart-1", "consecutive"};
  EXPECT_EQ(registry.Read(families.ejections, values), 2U);
}

}  // namespace
}  // namespace weft::report
