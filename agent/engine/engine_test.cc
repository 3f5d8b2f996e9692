#include "agent/engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weft::engine {
namespace {

using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);

snapshot::SnapshotPtr MakeSnapshot(int instances, const policy::ServicePolicy& policy = {}) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->policy = policy;
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = bundle->key;
  for (int i = 0; i < instances; ++i) {
    snapshot::Instance instance;
    instance.id = "cart-" + std::to_string(i);
    instance.hash = HashBytes(instance.id);
    instance.address = {net::Ip::V4(127, 0, 0, 1), static_cast<std::uint16_t>(9000 + i)};
    endpoints->instances.push_back(instance);
  }
  auto service = std::make_shared<snapshot::Service>();
  service->bundle = bundle;
  service->endpoints = endpoints;
  auto made = std::make_shared<snapshot::Snapshot>();
  made->services[bundle->key] = service;
  made->by_name.emplace("cart", bundle->key);
  return made;
}

message::RequestHead Get(std::string_view authority) {
  message::RequestHead head;
  head.authority = authority;
  head.target = "/";
  return head;
}

TEST(EngineTest, ShortAndLongNamesOfAServiceLeadToTheSameBackend) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(2), kStart);
  for (const char* name :
       {"cart", "cart:80", "CART", "cart.default", "cart.default.svc", "cart.default.svc.cluster.local:80"}) {
    Call call;
    EXPECT_EQ(engine.Start(call, {}, Get(name), kStart).action, Action::kForward) << name;
    EXPECT_EQ(call.backend->key_text, "default/cart:80") << name;
    engine.Finish(call, Reason::kOk, 200, kStart);
  }
  Call call;
  EXPECT_EQ(engine.Start(call, {}, Get("nobody"), kStart).reason, Reason::kUnknownService);
  engine.Finish(call, Reason::kUnknownService, 404, kStart);
}

TEST(EngineTest, AFinishedCallLetsGoOfItsGeneration) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(2), kStart);
  Call call;
  engine.Start(call, {}, Get("cart"), kStart);
  engine.Install(MakeSnapshot(1), kStart);
  EXPECT_EQ(engine.live_generations(), 2u);
  engine.Finish(call, Reason::kOk, 200, kStart);
  EXPECT_EQ(engine.live_generations(), 1u);
}

// Each worker has an engine and a thread; what they share are the atomics. Run it under TSan.
TEST(EngineTest, FourWorkersNeverExceedTheCapsOfTheProcess) {
  policy::ServicePolicy policy;
  policy.connection_pool.max_connections = 7;
  policy.connection_pool.max_requests = 5;
  policy.circuit_breaker.fixed_open = true;
  policy.circuit_breaker.open_duration = std::chrono::milliseconds(20);
  const snapshot::SnapshotPtr mesh = MakeSnapshot(1, policy);
  Shared shared(1);
  std::atomic<int> requests = 0, connections = 0, trials = 0, most_requests = 0, most_connections = 0,
                   most_trials = 0;
  const auto enter = [](std::atomic<int>& count, std::atomic<int>& most) {
    const int now = ++count;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
  };
  const auto work = [&](std::uint32_t worker) {
    Settings settings;
    settings.worker = worker;
    settings.workers = 4;
    Engine engine(settings, shared, nullptr);
    engine.Install(mesh, kStart);
    TimePoint now = kStart;
    for (int i = 0; i < 5000; ++i) {
      now += std::chrono::microseconds(100);
      Call call;
      const Verdict verdict = engine.Start(call, {}, Get("cart"), now);
      Reason why = verdict.reason;
      if (verdict.action == Action::kForward) {
        enter(requests, most_requests);
        if (call.seen.breaker_trial) enter(trials, most_trials);
        Target* target = engine.Pick(call, now, why);
        if (target != nullptr && engine.TryConnect(*target)) {
          enter(connections, most_connections);
          --connections;
          engine.ReleaseConnection(*target);
        }
        AttemptResult result;
        result.outcome = Outcome::kResponse;
        result.status = i % 500 > 300 ? 500 : 200;
        if (target != nullptr) engine.Ended(call, result, now);
        if (call.seen.breaker_trial) --trials;
        --requests;
      }
      engine.Finish(call, why, 200, now);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < 4; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most_requests, 5);
  EXPECT_LE(most_connections, 7);
  EXPECT_LE(most_trials, 3);
  EXPECT_EQ(shared.Backend({{"local", "default", "cart"}, 80})->requests.used(), 0u);
}

}  // namespace
}  // namespace weft::engine
