#include <algorithm>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kNaive = "3 retries, no budget";
constexpr const char* kBudget = "3 retries, budget 20 %";
constexpr const char* kNone = "no retries";
constexpr int kTrigger = 20, kOver = 30, kEnd = 90;  // seconds

Result RunRetryStorm(const Setup& setup) {
  Shop shop;
  shop.clients = 10;
  shop.world.work = {simulate::Work::Shape::kExponential, milliseconds(50)};
  shop.model = {simulate::Model::Kind::kQueue, 8, 0, false};
  shop.policy.timeouts.attempt = seconds(1);
  shop.parts = [&](const std::string& variant, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 10, setup.seed, client);
    parts.attempt_timeout = seconds(1);
    parts.retries = variant == kNone ? 0 : 3;
    parts.excludes = true;
    parts.budget = variant == kBudget ? 0.2 : 0;
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(0.8 * 10 * 8 / 0.050);
  world->At(seconds(kTrigger), [&] {
    for (std::size_t i = 0; i < 10; ++i) world->server(i).SetCapacity(4);
  });
  world->At(seconds(kOver), [&] {
    for (std::size_t i = 0; i < 10; ++i) world->server(i).SetCapacity(8);
  });
  world->Run(seconds(kEnd + 5));
  Result result;
  const std::vector<double> success = SuccessPerSecond(*world, kEnd);
  double steady = kEnd - kOver;
  for (int s = kOver; s + 5 <= kEnd; ++s) {
    if (std::all_of(success.begin() + s, success.begin() + s + 5, [](double v) { return v > 95; })) {
      steady = s - kOver;
      break;
    }
  }
  const simulate::Counts c =
      world->tally().Between(world->begin() + seconds(kTrigger), world->begin() + seconds(kEnd));
  result.figures["to 95 %"] = steady;
  result.figures["success 60 s later"] = SuccessPercent(*world, seconds(kEnd - 5), seconds(kEnd));
  result.figures["attempts"] = static_cast<double>(c.attempts) / static_cast<double>(c.requests);
  result.series["success"] = success;
  result.events = world->events();
  return result;
}

}  // namespace

Scenario RetryStorm() {
  Scenario s;
  s.id = "S11";
  s.title = "A trigger that is over, a collapse that is not";
  s.text =
      "Ten servers at 80 % of what they can do lose half of it for 10 s. Clients wait 1 s; servers do not "
      "notice that one "
      "has gone and finish its request all the same, as most do. Retries of what timed out then keep the "
      "servers busy with "
      "work that nobody waits for (metastable failure, OSDI 2022).";
  s.variants = {kWeft, kNaive, kBudget, kNone};
  s.run = RunRetryStorm;
  s.shown = {{"to 95 %", "s"}, {"success 60 s later", "%"}, {"attempts", "x"}};
  s.criteria = {{"above 95 % again", "s", Bound::kAtMost, 10, "to 95 %"},
                {"attempts per request", "x", Bound::kAtMost, 1.25, "attempts"},
                {"naive retries stay collapsed: success after 60 s", "%", Bound::kAtMost, 50,
                 [](const Sample& of) { return of(kNaive, "success 60 s later"); }}};
  s.charts = {{"success",
               "Success when half of the capacity is missing from 20 to 30 s",
               "seconds",
               "% of requests",
               {}}};
  return s;
}

}  // namespace weft::sim
