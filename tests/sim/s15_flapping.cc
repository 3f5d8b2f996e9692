#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kCounters = "3 down, 2 up";

Result RunFlapping(const Setup& setup) {
  Shop shop;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5};
  shop.parts = [&](const std::string& variant, std::uint32_t client, simulate::World&) {
    if (variant != kCounters) return DefaultsOf(variant, shop, setup.seed, client);
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 10, setup.seed, client);
    parts.ejector = MakeEjector(Counters{}, 10);
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(200);
  for (int i = 0; i < 180; ++i) {
    world->At(seconds(60 + 10 * i), [&] { world->server(3).behaviour.fault = simulate::Fault::kRefuse; });
    world->At(seconds(65 + 10 * i), [&] { world->server(3).behaviour.fault = simulate::Fault::kNone; });
  }
  world->Run(seconds(60 + 1800));
  Result result;
  double transitions = 0, late = 0;
  for (const simulate::Change& change : world->tally().changes()) {
    const bool moved = change.who == "cart-3" && (change.to == "healthy" || change.from == "healthy");
    transitions += moved;
    late += moved && change.at > world->begin() + seconds(60 + 300);
  }
  result.figures["transitions"] = transitions;
  result.figures["after 5 min"] = late;
  result.figures["bad"] = 100 - SuccessPercent(*world, seconds(60), seconds(1860));
  result.events = world->events();
  return result;
}

}  // namespace

Scenario Flapping() {
  Scenario s;
  s.id = "S15";
  s.title = "An instance that comes and goes";
  s.text =
      "One of ten instances refuses connections for 5 s, works for 5 s, and so on for half an hour. Counted "
      "is how often it "
      "is taken out of service and put back. At most four times, then it should be held down.";
  s.variants = {kWeft, kCounters, kEnvoy, kLinkerdAccrual};
  s.run = RunFlapping;
  s.shown = {{"transitions", ""}, {"after 5 min", ""}, {"bad", "%"}};
  s.criteria = {Because({"out of service and back in 30 min", "", Bound::kAtMost, 4, "transitions"},
                        "There is no damping of flaps: an ejection lasts twice as long each time, 5 s to 300 "
                        "s, and an instance that "
                        "happens to work when it is tried is back in full.")};
  return s;
}

}  // namespace weft::sim
