#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kStatic = "twice the first p99";

// Seconds: usual, twice as slow, away, usual again.
constexpr int kSlowerAt = 300, kAwayAt = 600, kBackAt = 630, kOverAt = 900;

// Attempts that were repeated, in percent of requests: but for the outage only a time-out leads to one.
double FalseTimeouts(simulate::World& world, int from, int to) {
  const simulate::Counts c =
      world.tally().Between(world.begin() + seconds(from), world.begin() + seconds(to));
  return 100.0 * static_cast<double>(c.attempts - c.requests) / static_cast<double>(c.requests);
}

Result RunAdaptiveTimeout(const Setup& setup) {
  Shop shop;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(20), 0.5};
  shop.policy.timeouts.adaptive = policy::Mode::kAct;
  shop.parts = [&](const std::string&, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 10, setup.seed, client);
    parts.attempt_timeout = milliseconds(113);  // p99 of this distribution is 56.5 ms
    parts.retries = 2;
    parts.excludes = true;
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(setup.quick ? 200 : 500);
  world->At(seconds(kSlowerAt), [&] {
    world->SetWork({simulate::Work::Shape::kLogNormal, milliseconds(40), 0.5});
  });
  world->At(seconds(kAwayAt), [&] {
    for (std::size_t i = 0; i < 10; ++i) world->server(i).behaviour.fault = simulate::Fault::kHang;
  });
  world->At(seconds(kBackAt), [&] {
    for (std::size_t i = 0; i < 10; ++i) world->server(i).behaviour = {};
    world->SetWork({simulate::Work::Shape::kLogNormal, milliseconds(20), 0.5});
  });
  world->Run(seconds(kOverAt + 5));
  Result result;
  result.figures["usual"] = FalseTimeouts(*world, 100, kSlowerAt);
  result.figures["twice as slow"] = FalseTimeouts(*world, kSlowerAt + 100, kAwayAt);
  result.figures["afterwards"] = FalseTimeouts(*world, kBackAt + 100, kOverAt);
  result.figures["success afterwards"] = SuccessPercent(*world, seconds(kBackAt + 100), seconds(kOverAt));
  result.series["success"] = SuccessPerSecond(*world, kOverAt);
  result.events = world->events();
  return result;
}

}  // namespace

Scenario AdaptiveTimeout() {
  Scenario s;
  s.id = "S16";
  s.title = "A timeout that follows the service";
  s.text =
      "Ten instances answer in 20 ms on average for five minutes, then in 40 ms for five; then none answers "
      "at all for 30 s, "
      "then all in 20 ms again. `timeouts.adaptive: act`, beside a fixed timeout of twice the first p99. The "
      "figures are "
      "attempts that were cut off although the instance would have answered, in percent of requests, 100 s "
      "after each change; "
      "the goal is 0.1 %.";
  s.variants = {kWeft, kStatic};
  s.run = RunAdaptiveTimeout;
  s.shown = {{"usual", "%"}, {"twice as slow", "%"}, {"afterwards", "%"}, {"success afterwards", "%"}};
  const char* low =
      "The tracked quantile is multiplied by 1.25 before it is used, so fewer than one attempt in a thousand "
      "lasts longer.";
  s.criteria = {
      {"false time-outs, usual: at most", "%", Bound::kAtMost, 0.2, "usual"},
      Because({"false time-outs, usual: at least", "%", Bound::kAtLeast, 0.05, "usual"}, low),
      {"false time-outs, twice as slow: at most", "%", Bound::kAtMost, 0.2, "twice as slow"},
      Because({"false time-outs, twice as slow: at least", "%", Bound::kAtLeast, 0.05, "twice as slow"}, low),
      {"no spiral: false time-outs after the outage", "%", Bound::kAtMost, 0.2, "afterwards"},
      {"frozen in the outage: success after it", "%", Bound::kAtLeast, 99.9, "success afterwards"}};
  return s;
}

}  // namespace weft::sim
