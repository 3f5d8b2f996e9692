#include <array>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kAnywhere = "2 retries anywhere";
constexpr const char* kElsewhere = "2 retries elsewhere";
constexpr std::array kCases = {"5 % errors",   "15 % errors",  "1 of 10 dead",
                               "2 of 10 dead", "3 of 10 dead", "rolling restart"};

void Break(simulate::World& world, const std::string& name) {
  if (name.ends_with("errors")) {
    for (std::size_t i = 0; i < 10; ++i) {
      world.server(i).behaviour.error_rate = name.starts_with("5") ? 0.05 : 0.15;
      world.server(i).behaviour.error_status = 503;
    }
  } else if (name.ends_with("dead")) {
    world.At(seconds(10), [&world, dead = static_cast<std::size_t>(name[0] - '0')] {
      for (std::size_t i = 0; i < dead; ++i) world.server(i * 3).behaviour.fault = simulate::Fault::kRefuse;
    });
  } else {
    for (int i = 0; i < 10; ++i) {
      const auto at = static_cast<std::size_t>(i);
      world.At(seconds(10 + 5 * i),
               [&world, at] { world.server(at).behaviour.fault = simulate::Fault::kReset; });
      world.At(seconds(12 + 5 * i),
               [&world, at] { world.server(at).behaviour.fault = simulate::Fault::kRefuse; });
      world.At(seconds(15 + 5 * i),
               [&world, at] { world.server(at).behaviour.fault = simulate::Fault::kNone; });
    }
  }
}

void RunTransientFaultsCase(const std::string& name, const Setup& setup, Result& result) {
  Shop shop;
  shop.clients = 2;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5};
  shop.parts = [&](const std::string& variant, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 10, setup.seed, client);
    parts.retries = 2;
    parts.excludes = variant == kElsewhere;
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(300);
  Break(*world, name);
  world->Run(seconds(70));
  const simulate::Counts& c = world->tally().counts();
  result.figures[name] = c.first_failed == 0
                             ? 100
                             : 100.0 * static_cast<double>(c.rescued) / static_cast<double>(c.first_failed);
  result.figures["bad, " + name] = 100.0 * static_cast<double>(c.bad) / static_cast<double>(c.requests);
  result.events += world->events();
}

Result RunTransientFaults(const Setup& setup) {
  Result result;
  for (const char* name : kCases) RunTransientFaultsCase(name, setup, result);
  return result;
}

}  // namespace

Scenario TransientFaults() {
  Scenario s;
  s.id = "S12";
  s.title = "Faults that pass when one tries again";
  s.text =
      "Errors of 5 and 15 % at every instance (503), one to three of ten that refuse connections, and a "
      "rolling restart: "
      "each instance cuts requests off for 2 s and refuses connections for 3 s, one after another. The "
      "figure is the share "
      "of requests that succeeded of those whose first attempt failed and was tried again; `bad` is what "
      "clients saw "
      "fail, refusals by the budget among it.";
  s.variants = {kWeft, kAnywhere, kElsewhere};
  s.run = RunTransientFaults;
  for (const char* name : kCases) {
    s.shown.push_back({name, "%"});
    s.shown.push_back({std::string("bad, ") + name, "%"});
    s.criteria.push_back(
        {std::string("retries that succeed, ") + name, "%", Bound::kAtLeast, 85, std::string(name)});
  }
  return s;
}

}  // namespace weft::sim
