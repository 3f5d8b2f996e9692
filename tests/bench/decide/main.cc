// What one request costs in the decision core: Start (route, breaker), Pick, Ended, Finish (windows, record),
// by selection policy and number of instances. `bench-decide` prints nanoseconds and allocations per request;
// the targets are 300 ns at 16 instances, 500 ns at 1,000, and none.
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "agent/engine/aggregator.h"
#include "agent/engine/engine.h"
#include "common/snapshot/alone.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weft {
namespace {

using engine::Engine;

struct Case {
  const char* name;
  policy::Balancer balancer;
  bool everything;  // slow start, zones, adaptive time-out, prediction in shadow
};

snapshot::SnapshotPtr Snapshot(int instances, const Case& c) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}};
  bundle->policy.load_balancer.policy = c.balancer;
  bundle->policy.load_balancer.prefer_zone = c.everything;
  if (c.everything) bundle->policy.load_balancer.slow_start = std::chrono::seconds(30);
  if (c.everything) bundle->policy.timeouts.adaptive = policy::Mode::kAct;
  auto endpoints = std::make_shared<snapshot::Endpoints>();
  for (int i = 0; i < instances; ++i) {
    snapshot::Instance instance;
    instance.id = "cart-" + std::to_string(i);
    instance.hash = HashBytes(instance.id);
    instance.zone = i % 2 == 0 ? "eu/a" : "eu/b";
    instance.address = {net::Ip::V4(127, 0, 0, 1), static_cast<std::uint16_t>(9000 + i)};
    endpoints->instances.push_back(instance);
  }
  return snapshot::Alone(bundle, endpoints);
}

struct Cost {
  double nanos = 0, allocations = 0;
};

// Of this thread alone, so that a busy machine counts for less.
double CpuNanos() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

Cost Measure(int instances, const Case& c) {
  constexpr int kWarmUp = 100'000, kRequests = 400'000, kAtOnce = 16;
  engine::Shared shared(1);
  engine::Settings settings;
  settings.zone = "eu/a";
  Engine engine(settings, shared, nullptr);
  TimePoint now = FromNanos(1'000'000'000'000);
  engine.Install(Snapshot(instances, c), now);
  message::RequestHead head;
  head.authority = "cart";
  head.target = "/";
  engine::Origin origin;
  origin.peer = {net::Ip::V4(10, 0, 0, 1), 1000};
  static engine::Call calls[kAtOnce];
  std::uint64_t before = 0;
  double began = 0;
  for (int i = 0; i < kWarmUp + kRequests; ++i, now += std::chrono::microseconds(50)) {
    if (i == kWarmUp) {
      before = allocations.load();
      began = CpuNanos();
    }
    engine::Call& call = calls[i % kAtOnce];
    if (call.target != nullptr) {
      engine::AttemptResult result;
      result.outcome = engine::Outcome::kResponse;
      result.status = 200;
      result.head_at = now;
      result.load = {true, static_cast<std::uint32_t>(i % 7), 0, std::chrono::microseconds(900 + i % 200)};
      engine.Ended(call, result, now);
      engine.Finish(call, Reason::kOk, 200, now);
    }
    call.Reset();
    call.request_id = "0123456789abcdef0123456789abcdef";
    origin.peer.ip = net::Ip::V4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
    Reason why = Reason::kOk;
    engine.Start(call, origin, head, now);
    engine.Pick(call, now, why);
  }
  const double took = CpuNanos() - began;
  const std::uint64_t after = allocations.load();
  for (engine::Call& call : calls) {
    engine.Finish(call, Reason::kClientClosed, 0, now);
    call.Reset();
  }
  return {took / kRequests, static_cast<double>(after - before) / kRequests};
}

}  // namespace
}  // namespace weft

int main() {
  using weft::policy::Balancer;
  constexpr weft::Case kCases[] = {
      {"peakEwma", Balancer::kPeakEwma, false}, {"peakEwma, all on", Balancer::kPeakEwma, true},
      {"hotCold", Balancer::kHotCold, false},   {"leastRequest", Balancer::kLeastRequest, false},
      {"maglev", Balancer::kMaglev, false},     {"ringHash", Balancer::kRingHash, false}};
  std::printf("%-18s %10s %12s %12s\n", "policy", "instances", "ns/request", "allocations");
  bool good = true;
  for (const weft::Case& c : kCases) {
    for (const auto& [instances, most] : {std::pair{16, 300.0}, std::pair{1000, 500.0}}) {
      const weft::Cost cost = weft::Measure(instances, c);
      good &= cost.nanos <= most && cost.allocations == 0;
      std::printf("%-18s %10d %12.0f %12.3f%s\n", c.name, instances, cost.nanos, cost.allocations,
                  cost.nanos > most ? "  above its target" : "");
    }
  }
  return good ? 0 : 1;
}
