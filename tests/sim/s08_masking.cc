#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kStdev = "stdev 1.9 (Envoy)";

Result RunMasking(const Setup& setup) {
  Shop shop;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(5), 0.5};
  shop.parts = [&](const std::string&, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kTwoChoices, 10, setup.seed, client);
    EnvoyOutlier rules;
    rules.consecutive = 0;
    rules.most_percent = 30;
    parts.ejector = MakeEjector(rules, 10);
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(500);
  world->At(seconds(20), [&] {
    for (std::size_t i : {1U, 4U, 7U}) world->server(i).behaviour.error_rate = 0.5;
  });
  world->Run(seconds(80));
  Result result;
  int bad = 0, good = 0;
  for (int i = 0; i < 10; ++i) {
    const bool ejected = FirstChange(*world, seconds(20), "cart-" + std::to_string(i), "ejected") >= 0;
    (i % 3 == 1 && i < 9 ? bad : good) += ejected;
  }
  result.figures["bad ones ejected"] = bad;
  result.figures["good ones ejected"] = good;
  result.figures["errors"] = 100 - SuccessPercent(*world, seconds(20), seconds(80));
  result.events = world->events();
  return result;
}

}  // namespace

Scenario Masking() {
  Scenario s;
  s.id = "S8";
  s.title = "Three of ten are equally bad and hide one another";
  s.text =
      "Three of ten instances fail half of their answers. With a mean and a standard deviation the three can "
      "never lie more "
      "than 1.53 deviations below the mean, however bad they are, so a factor of 1.9 ejects none of them; "
      "with a median "
      "they do not hide one another. 500 requests per second; both may eject 30 %.";
  s.variants = {kWeft, kStdev};
  s.run = RunMasking;
  s.shown = {{"bad ones ejected", ""}, {"good ones ejected", ""}, {"errors", "%"}};
  s.criteria = {{"bad instances ejected", "", Bound::kAtLeast, 3, "bad ones ejected", Over::kWorst},
                {"good instances ejected", "", Bound::kAtMost, 0, "good ones ejected", Over::kWorst},
                {"the deviation rule ejects", "", Bound::kAtMost, 0,
                 [](const Sample& of) { return of(kStdev, "bad ones ejected"); }, Over::kWorst}};
  return s;
}

}  // namespace weft::sim
