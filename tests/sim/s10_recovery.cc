#include <algorithm>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kFixed = "fixed 60 s, 3 probes";
constexpr int kBroken = 20;  // second

void RunOutage(int outage, const Setup& setup, Result& result) {
  Shop shop;
  shop.servers = 5;
  shop.clients = 3;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(20), 0.5};
  shop.model = {simulate::Model::Kind::kSharing, 4};
  shop.parts = [&](const std::string& variant, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 5, setup.seed, client);
    parts.breaker = MakeBreaker(variant == kFixed ? kSeed : kHystrix);
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(300);
  const int back = kBroken + outage, end = back + 150;
  world->At(seconds(kBroken), [&] {
    for (std::size_t i = 0; i < 5; ++i) world->server(i).behaviour.fault = simulate::Fault::kRefuse;
  });
  world->At(seconds(back), [&] {
    for (std::size_t i = 0; i < 5; ++i) {
      world->server(i).behaviour = {};
      world->server(i).behaviour.extra = milliseconds(20);  // a cold cache: twice the time
    }
  });
  world->At(seconds(back + 30), [&] {
    for (std::size_t i = 0; i < 5; ++i) world->server(i).behaviour = {};
  });
  world->Run(seconds(end));
  const std::vector<double> success = SuccessPerSecond(*world, end);
  double steady = 150;
  for (int s = back; s + 5 < end; ++s) {
    if (std::all_of(success.begin() + s, success.begin() + s + 5, [](double v) { return v >= 95; })) {
      steady = s - back;
      break;
    }
  }
  double peak = 0;
  for (int s = back; s < end; ++s) {
    const simulate::Counts c =
        world->tally().Between(world->begin() + seconds(s), world->begin() + seconds(s + 1));
    peak = std::max(peak, static_cast<double>(c.attempts));
  }
  const std::string name = std::to_string(outage) + " s";
  std::uint64_t reopened = 0;
  for (const simulate::Change& change : world->tally().changes())
    reopened +=
        change.who == "circuit" && change.to == "open" && change.at >= world->begin() + seconds(back + 1);
  result.figures["to 95 % " + name] = steady;
  result.figures["reopened " + name] = static_cast<double>(reopened) / shop.clients;
  // A second of Poisson arrivals at 300 per second alone exceeds its mean by 13 % once in 100; the mean of
  // five does not.
  result.figures["overshoot " + name] = peak / 300;
  result.series["success " + name] = success;
  result.events += world->events();
}

Result RunRecovery(const Setup& setup) {
  Result result;
  RunOutage(20, setup, result);
  RunOutage(120, setup, result);
  return result;
}

}  // namespace

Scenario Recovery() {
  Scenario s;
  s.id = "S10";
  s.title = "A service comes back with a cold cache";
  s.text =
      "All five instances refuse connections for 20 s, and for 120 s; then they answer again, in twice the "
      "usual time for "
      "30 s. Looked at are the time until at least 95 % of the requests of five seconds in a row succeed, "
      "how often a "
      "client's circuit opens again, and the busiest second at the servers against the usual load.";
  s.variants = {kWeft, kFixed, "Hystrix"};
  s.run = RunRecovery;
  for (const char* outage : {"20 s", "120 s"}) {
    s.shown.push_back({std::string("to 95 % ") + outage, "s"});
    s.shown.push_back({std::string("reopened ") + outage, ""});
    s.shown.push_back({std::string("overshoot ") + outage, "x"});
    const auto of_weft = [outage](const char* what) { return std::string(what) + outage; };
    s.criteria.push_back(
        {std::string("95 % again, outage of ") + outage, "s", Bound::kAtMost, 15, of_weft("to 95 % ")});
    s.criteria.push_back({std::string("circuit opens again, per client, ") + outage, "", Bound::kAtMost, 1,
                          of_weft("reopened ")});
    s.criteria.push_back(
        {std::string("busiest second, ") + outage, "x", Bound::kAtMost, 1.2, of_weft("overshoot ")});
  }
  s.charts = {
      {"success 20 s", "Success after an outage of 20 s (20 to 40 s)", "seconds", "% of requests", {}},
      {"success 120 s", "Success after an outage of 120 s (20 to 140 s)", "seconds", "% of requests", {}}};
  return s;
}

}  // namespace weft::sim
