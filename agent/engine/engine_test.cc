#include "agent/engine/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "agent/decision/log.h"
#include "common/snapshot/alone.h"
#include "tests/support/effort.h"

namespace weft::engine {
namespace {

using std::chrono::seconds;
const TimePoint kStart = FromNanos(1'000'000'000'000);

snapshot::SnapshotPtr MakeSnapshot(int instances, const policy::ServicePolicy& policy = {},
                                   const std::string& name = "cart") {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", name};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->policy = policy;
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  endpoints->service = bundle->key;
  for (int i = 0; i < instances; ++i) {
    snapshot::Instance instance;
    instance.id = name + "-" + std::to_string(i);
    instance.hash = HashBytes(instance.id);
    instance.address = {net::Ip::V4(127, 0, 0, 1), static_cast<std::uint16_t>(9000 + i)};
    endpoints->instances.push_back(instance);
  }
  return snapshot::Alone(bundle, endpoints);
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

// Whether its parts are the same objects, as in an agent, or read alike, as in a replay.
TEST(EngineTest, AServiceThatDidNotChangeIsLeftAsItIs) {
  for (const bool same_objects : {true, false}) {
    Shared shared(1);
    Engine engine({}, shared, nullptr);
    snapshot::SnapshotPtr first = MakeSnapshot(2);
    engine.Install(first, kStart);
    Call call;
    engine.Start(call, {}, Get("cart"), kStart);
    Backend& backend = *call.backend;
    engine.Finish(call, Reason::kOk, 200, kStart);
    Target& target = *backend.targets[0];
    target.meshed = true;
    engine.MarkDraining(target);

    snapshot::SnapshotPtr next = MakeSnapshot(2);
    auto instances = std::make_shared<snapshot::Endpoints>(*next->services.begin()->second->endpoints);
    for (snapshot::Instance& each : instances->instances) each.capabilities.mtls = true;  // decides nothing
    auto service = std::make_shared<snapshot::Service>(*next->services.begin()->second);
    service->endpoints = instances;
    auto made = std::make_shared<snapshot::Snapshot>(*next);
    made->services.begin()->second = same_objects ? first->services.begin()->second : service;
    engine.Install(made, kStart + seconds(1));
    EXPECT_TRUE(target.draining) << "by its own word";
    EXPECT_EQ(target.mtls, !same_objects);
    EXPECT_EQ(backend.policy, &made->services.begin()->second->bundle->policy);
    EXPECT_EQ(backend.endpoints, made->services.begin()->second->endpoints);

    engine.Install(MakeSnapshot(3), kStart + seconds(2));
    EXPECT_FALSE(target.draining) << "the registry has said something new";
    EXPECT_EQ(backend.targets.size(), 3u);
    engine.Install(MakeSnapshot(1, {}, "other"), kStart + seconds(3));
    EXPECT_TRUE(backend.targets.empty());
    engine.Install(MakeSnapshot(3), kStart + seconds(4));
    EXPECT_EQ(backend.targets.size(), 3u) << "it came back as it was, and is not taken for known";
  }
}

AttemptResult Answered(std::uint16_t status) {
  AttemptResult result;
  result.outcome = Outcome::kResponse;
  result.status = status;
  return result;
}

void AskOnce(Engine& engine, std::string_view service, TimePoint now) {
  Call call;
  Reason why = Reason::kOk;
  ASSERT_EQ(engine.Start(call, {}, Get(service), now).action, Action::kForward) << service;
  Target* target = engine.Pick(call, now, why);
  ASSERT_NE(target, nullptr);
  ASSERT_TRUE(engine.TryConnect(*target));
  engine.Ended(call, Answered(200), now);
  engine.ReleaseConnection(*target);
  engine.Finish(call, Reason::kOk, 200, now);
}

TEST(EngineTest, ThousandsOfServicesThatComeAndGoDoNotAddUp) {
  constexpr int kServices = support::Steps(2'500);
  for (const Duration step : {seconds(10), seconds(0)}) {  // within the grace: sixty, and far too many
    Shared shared(1);
    Engine engine({}, shared, nullptr);
    std::size_t most = 0, most_shared = 0, forgotten = 0;
    TimePoint now = kStart;
    for (int i = 0; i < kServices; ++i, now += step) {
      const std::string name = "s" + std::to_string(i);
      engine.Install(MakeSnapshot(1, {}, name), now);
      AskOnce(engine, name, now);
      engine.Tick(now);
      forgotten += engine.TakeForgotten().size();
      most = std::max(most, engine.backends().size());
      most_shared = std::max(most_shared, shared.size());
    }
    EXPECT_LE(most, step == seconds(10) ? 62u : 1025u);
    EXPECT_LE(most_shared, 2 * (2 * most + 64));
    EXPECT_EQ(forgotten + engine.backends().size(), static_cast<std::size_t>(kServices));
  }
}

TEST(EngineTest, AServiceThatFlapsKeepsItsStateAndOneGoneForTenMinutesBeginsAnew) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  TimePoint now = kStart;
  std::weak_ptr<SharedBackend> before;
  for (const auto& [away, kept] : {std::pair{seconds(599), true}, std::pair{seconds(600), false}}) {
    engine.Install(MakeSnapshot(1), now);
    AskOnce(engine, "cart", now);
    before = engine.backends().front()->shared;
    engine.Install(MakeSnapshot(1, {}, "other"), now);
    engine.Tick(now += away);
    EXPECT_EQ(before.expired(), !kept);
    EXPECT_EQ(engine.TakeForgotten().size(), kept ? 0u : 1u);
  }
}

TEST(EngineTest, AServiceThatIsGoneIsKeptWhileARequestIsUnderWay) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(1), kStart);
  Call call;
  Reason why = Reason::kOk;
  engine.Start(call, {}, Get("cart"), kStart);
  engine.Pick(call, kStart, why);
  engine.Install(MakeSnapshot(1, {}, "other"), kStart);
  const TimePoint later = kStart + seconds(1000);
  engine.Tick(later);
  EXPECT_EQ(engine.backends().size(), 1u);
  engine.Ended(call, Answered(200), later);
  engine.Finish(call, Reason::kOk, 200, later);
  engine.Tick(later);
  EXPECT_TRUE(engine.backends().empty());
}

TEST(EngineTest, AnInstanceThatLeftStaysAsLongAsACallNamesItAndIsNotAskedAgain) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(3), kStart);
  Call call;
  Reason why = Reason::kOk;
  call.request_id = "r-1";
  engine.Start(call, {}, Get("cart"), kStart);
  Target* first = engine.Pick(call, kStart, why);
  // The other two stay; the call fails and is tried again while its first instance is gone.
  auto without = std::make_shared<snapshot::Snapshot>(*MakeSnapshot(3));
  auto service = std::make_shared<snapshot::Service>(*without->services.begin()->second);
  auto endpoints = std::make_shared<snapshot::Endpoints>(*service->endpoints);
  std::erase_if(endpoints->instances, [&](const auto& i) { return i.hash == first->hash; });
  service->endpoints = endpoints;
  without->services.begin()->second = service;
  engine.Install(without, kStart);
  AttemptResult reset;
  reset.outcome = Outcome::kReset;
  reset.reason = Reason::kUpstreamReset;
  EXPECT_TRUE(engine.Ended(call, reset, kStart).retry);
  engine.Tick(kStart + seconds(1));
  EXPECT_EQ(engine.backends().front()->targets.size(), 3u);
  for (int i = 0; i < 20; ++i) {  // nobody is sent to confirm what it did
    const TimePoint now = kStart + seconds(1 + i);
    Call other;
    engine.Start(other, {}, Get("cart"), now);
    EXPECT_NE(engine.Pick(other, now, why), first);
    engine.Ended(other, Answered(200), now);
    engine.Finish(other, Reason::kOk, 200, now);
  }
  const TimePoint end = kStart + seconds(21);
  EXPECT_NE(engine.Pick(call, end, why), first);
  engine.Ended(call, Answered(200), end);
  engine.Finish(call, Reason::kOk, 200, end);
  EXPECT_EQ(engine.log().Find("r-1")->record.attempts, 2);
  engine.Tick(end);
  EXPECT_EQ(engine.backends().front()->targets.size(), 2u);
}

Origin ToPort(std::uint16_t port) {
  Origin origin;
  origin.direction = Direction::kInbound;
  origin.original = {net::Ip::V4(127, 0, 0, 1), port};
  return origin;
}

TEST(EngineTest, AStrictServiceAsksEachRequestForItsCaller) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  const BackendKey key{{"local", "default", "cart"}, 80};
  Origin origin = ToPort(8080);
  origin.fixed = &key;
  EXPECT_EQ(engine.MtlsOf(origin), policy::Mtls::kPermissive) << "nothing is known yet";
  const auto start = [&] {
    Call call;
    const Verdict verdict = engine.Start(call, origin, Get("cart"), kStart);
    engine.Finish(call, verdict.reason, 0, kStart);
    return verdict.reason;
  };
  EXPECT_EQ(start(), Reason::kOk);
  const auto install = [&](policy::Mtls mode) {
    auto bundle = std::make_shared<policy::ServiceBundle>();
    bundle->key = key.service;
    bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
    bundle->policy.mtls = mode;
    auto service = std::make_shared<snapshot::Service>();
    service->bundle = bundle;
    service->endpoints = std::make_shared<snapshot::Endpoints>();
    auto next = std::make_shared<snapshot::Snapshot>();
    next->services[key.service] = service;
    engine.Install(next, kStart);
  };
  install(policy::Mtls::kStrict);
  EXPECT_EQ(engine.MtlsOf(origin), policy::Mtls::kStrict);
  EXPECT_EQ(start(), Reason::kPlaintextRefused);
  origin.caller = engine.CallerOf("spiffe://mesh/ns/default/sa/web", "default/web");
  EXPECT_EQ(engine.CallerOf("spiffe://mesh/ns/default/sa/web", "default/web"), origin.caller);
  EXPECT_EQ(start(), Reason::kOk);
  origin.caller = nullptr;
  install(policy::Mtls::kOff);
  EXPECT_EQ(start(), Reason::kOk);
  EXPECT_EQ(engine.backends().front()->in_flight, 0U);
}

TEST(EngineTest, AnApplicationPortThatStallsTakesNoPlacesInTheQueueOfAnother) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(1), kStart);
  Call stalled, well;
  engine.Start(stalled, ToPort(8081), Get("me"), kStart);
  engine.Start(well, ToPort(8082), Get("me"), kStart);
  while (engine.TryPend(*stalled.backend)) {
  }
  EXPECT_TRUE(engine.TryPend(*well.backend));
  EXPECT_EQ(well.backend->key.port, 8082);
}

TEST(EngineTest, ACallerThatTriesEveryPortCostsNoMoreThanAThousandBackends) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(1), kStart);
  for (std::uint16_t port = 1; port <= 3000; ++port) {
    Call call;
    engine.Start(call, ToPort(port), Get("me"), kStart);
    EXPECT_EQ(call.backend->key.port, port <= 1024 ? port : 0);
  }
  EXPECT_EQ(engine.backends().size(), 1025u);
}

TEST(EngineTest, AnApplicationPortThatNobodyAsksForIsForgotten) {
  Shared shared(1);
  Engine engine({}, shared, nullptr);
  engine.Install(MakeSnapshot(1), kStart);
  const auto ask = [&](std::uint16_t port, TimePoint now) {
    const Origin origin = ToPort(port);
    Call call;
    Reason why = Reason::kOk;
    engine.Start(call, origin, Get("me"), now);
    engine.Pick(call, now, why);
    engine.Ended(call, Answered(200), now);
    engine.Finish(call, Reason::kOk, 200, now);
  };
  for (std::uint16_t port = 1; port <= 1000; ++port) ask(port, kStart);
  engine.Tick(kStart);
  EXPECT_EQ(engine.backends().size(), 1000u);
  engine.Tick(kStart + seconds(600));
  ask(8, kStart + seconds(600));  // comes back before it is gone
  engine.Tick(kStart + seconds(601));
  engine.Tick(kStart + seconds(1201));
  const std::vector<std::pair<BackendKey, Direction>> forgotten = engine.TakeForgotten();
  EXPECT_EQ(forgotten.size(), 999u);
  EXPECT_EQ(forgotten.front().second, Direction::kInbound);
  ASSERT_EQ(engine.backends().size(), 1u);
  EXPECT_EQ(engine.backends().front()->key.port, 8);
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
  std::atomic<int> requests = 0, connections = 0, most_requests = 0, most_connections = 0, most_trials = 0;
  // By half-open period: a straggler of an earlier one takes no permit of this one.
  std::vector<std::atomic<int>> trials(1U << 17);
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
        std::atomic<int>& of_period = trials[breaker::Circuit::GenerationOf(call.breaker_permit)];
        if (call.seen.breaker_trial) enter(of_period, most_trials);
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
        if (call.seen.breaker_trial) --of_period;
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
