#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kNoAttemptTimeout = "weft, no attempt timeout";

Result RunOneSlowServer(const Setup& setup) {
  Shop shop;
  shop.servers = 11;
  shop.clients = 5;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5};
  shop.policy.timeouts.request = seconds(1);
  if (setup.variant == kWeft) shop.policy.timeouts.attempt = milliseconds(250);
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(1000);
  world->At(seconds(15), [&] { world->server(4).behaviour.extra = seconds(2); });
  world->At(seconds(45), [&] { world->server(4).behaviour = {}; });
  world->Run(seconds(62));
  Result result;
  result.figures["success"] = SuccessPercent(*world, {}, seconds(60));
  result.figures["p99"] = Percentile(*world, 99);
  result.series["success"] = SuccessPerSecond(*world, 60);
  result.events = world->events();
  return result;
}

}  // namespace

Scenario OneSlowServer() {
  Scenario s;
  s.id = "S5";
  s.title = "One of eleven servers takes 2 s for half a minute";
  s.text =
      "Linkerd's published comparison of balancers: eleven servers, 1,000 requests per second, clients that "
      "wait 1 s; for "
      "30 of 60 s one server adds 2 s to every answer. Published success: 95 % round robin, 99 % least "
      "loaded, 99.9 % "
      "peak EWMA. Weft runs with its defaults and an attempt timeout of 250 ms, without which a request that "
      "went to the "
      "slow server has no time left for another.";
  s.variants = {kWeft, kNoAttemptTimeout, "round robin", "least loaded", "peak EWMA", kEnvoy, kEnvoyRetry};
  s.run = RunOneSlowServer;
  s.shown = {{"success", "%"}, {"p99", "ms"}};
  s.criteria = {{"success with ejection and retry", "%", Bound::kAtLeast, 99.95, "success"},
                {"round robin is as published: |success - 95|", "%", Bound::kAtMost, 1.5,
                 [](const Sample& of) { return std::abs(of("round robin", "success") - 95); }},
                {"least loaded is as published: |success - 99|", "%", Bound::kAtMost, 1,
                 [](const Sample& of) { return std::abs(of("least loaded", "success") - 99); }},
                {"peak EWMA is as published: |success - 99.9|", "%", Bound::kAtMost, 0.1,
                 [](const Sample& of) { return std::abs(of("peak EWMA", "success") - 99.9); }}};
  s.charts = {{"success",
               "Success while one of eleven servers takes 2 s (15 to 45 s)",
               "seconds",
               "% of requests",
               {}}};
  return s;
}

}  // namespace weft::sim
