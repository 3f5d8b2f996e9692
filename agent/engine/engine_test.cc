#include "agent/engine/engine.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace weft::engine
