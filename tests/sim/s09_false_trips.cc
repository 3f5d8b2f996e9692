#include <array>
#include <cmath>
#include <numbers>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

struct Traffic {
  const char* name;
  double per_second;
  double hours;  // of all 20 seeds together
};
constexpr std::array kTraffic = {Traffic{"2 rps", 2, 168}, Traffic{"10 rps", 10, 168},
                                 Traffic{"30 rps", 30, 168}, Traffic{"100 rps", 100, 24},
                                 Traffic{"1000 rps", 1000, 4}};
constexpr std::array kBases = {0.0, 0.05, 0.10};

std::string NameOf(const Traffic& rate, double base) {
  return std::string(rate.name) + ", " + std::to_string(static_cast<int>(std::lround(base * 100))) + " %";
}

std::uint64_t Openings(simulate::World& world, const std::string& variant) {
  if (!IsWeft(variant)) return dynamic_cast<Baseline&>(world.client(0)).breaker()->openings;
  auto& agent = dynamic_cast<simulate::Agent&>(world.client(0));
  return agent.shared().Backend({{"local", "default", "cart"}, 80})->circuit.counts().opened;
}

double RunCell(const Traffic& rate, double base, const Setup& setup, Result& result) {
  Shop shop;
  shop.servers = 3;
  shop.world.work = {simulate::Work::Shape::kFixed, milliseconds(5)};
  shop.parts = [&](const std::string& variant, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 3, setup.seed, client);
    parts.breaker = MakeBreaker(variant == "Hystrix" ? kHystrix : kResilience4j);
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(rate.per_second);
  const double spread = static_cast<double>(setup.seed % 20) / 20;  // each seed has another part of the day
  world->Every(seconds(60), [&, base] {
    const double day = simulate::InSeconds(world->passed()) / 86400 + spread;
    for (std::size_t i = 0; i < 3; ++i)
      world->server(i).behaviour.error_rate = base * (1 + 0.5 * std::sin(2 * std::numbers::pi * day));
  });
  world->Run(simulate::Seconds(rate.hours * 3600 / (setup.quick ? 1000 : 20)));
  result.events += world->events();
  return static_cast<double>(Openings(*world, setup.variant));
}

Result RunFalseTrips(const Setup& setup) {
  Result result;
  for (const Traffic& rate : kTraffic) {
    for (const double base : kBases) result.figures[NameOf(rate, base)] = RunCell(rate, base, setup, result);
    result.figures[rate.name] = result.figures[NameOf(rate, 0)] + result.figures[NameOf(rate, 0.05)];
  }
  return result;
}

}  // namespace

Scenario FalseTrips() {
  Scenario s;
  s.id = "S9";
  s.title = "A service with its usual errors is left alone";
  s.text =
      "A circuit must not open over the errors that a service always has. Over the seeds together: seven "
      "days at 2, 10 and "
      "30 requests per second, one at 100, four hours at 1,000; base errors (500) of 0, 5 and 10 %, half as "
      "many more or "
      "less over the day. The figures are openings; where less than a week ran, one opening would already be "
      "too many.";
  s.variants = {kWeft, "Hystrix", "Resilience4j"};
  s.run = RunFalseTrips;
  for (const Traffic& rate : kTraffic)
    s.shown.push_back({NameOf(rate, 0.05), ""}), s.shown.push_back({NameOf(rate, 0.10), ""});
  for (const Traffic& rate : kTraffic) {
    if (rate.per_second < 10) continue;
    s.criteria.push_back(
        Because({std::string("false openings at 0 and 5 %, ") + rate.name, "", Bound::kAtMost,
                 rate.hours >= 168 ? 1.0 : 0.0, std::string(rate.name), Over::kSum},
                "The rule of five failures in a row does not know how often a service fails anyway. At 5 % "
                "errors, 7.5 % by day, "
                "five in a row are chance a few times a week, and at 10 to 30 requests per second they last "
                "the 250 ms that would "
                "tell chance from an outage."));
  }
  return s;
}

}  // namespace weft::sim
