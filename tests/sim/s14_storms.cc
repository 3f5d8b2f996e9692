#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

Shop MakeStormsShop(const Setup& setup) {
  Shop shop;
  shop.clients = 3;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5};
  shop.parts = [&setup](const std::string&, std::uint32_t client, simulate::World&) {
    Parts parts;
    parts.balancer = MakeBalancer(Rule::kPeakEwma, 10, setup.seed, client);
    return parts;
  };
  return shop;
}

double ClientErrors(const Setup& setup, Result& result) {
  const Shop shop = MakeStormsShop(setup);
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(300);
  world->At(seconds(20), [&] {
    for (std::size_t i = 0; i < 10; ++i) {
      world->server(i).behaviour.error_rate = 0.9;
      world->server(i).behaviour.error_status = 404;
    }
  });
  world->Run(seconds(80));
  result.events += world->events();
  return static_cast<double>(CountChanges(*world, {}, "open") + CountChanges(*world, {}, "ejected"));
}

// Share of the attempts that go to an instance answering 429 at once, 2 s after it began, of its fair share.
double LimitedShare(const Setup& setup, Result& result) {
  const Shop shop = MakeStormsShop(setup);
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(300);
  world->At(seconds(20), [&] {
    world->server(3).behaviour.error_rate = 1;
    world->server(3).behaviour.error_status = 429;
    world->server(3).behaviour.errors_at_once = true;
  });
  world->Run(seconds(22));
  const auto all = [&] {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 10; ++i) sum += world->sent_to(i);
    return sum;
  };
  const std::uint64_t before = world->sent_to(3), all_before = all();
  world->Run(seconds(10));
  result.events += world->events();
  return 1000.0 * static_cast<double>(world->sent_to(3) - before) / static_cast<double>(all() - all_before);
}

Result RunStorms(const Setup& setup) {
  Result result;
  result.figures["opened or ejected"] = ClientErrors(setup, result);
  result.figures["share left"] = LimitedShare(setup, result);
  return result;
}

}  // namespace

Scenario Storms() {
  Scenario s;
  s.id = "S14";
  s.title = "A storm of 404, an instance over its limit";
  s.text =
      "Nine of ten answers are 404 for a minute: the callers' fault, over which nothing may open or be "
      "ejected. Then one "
      "instance answers everything with 429, at once: fast answers must not attract traffic. Its share of "
      "the attempts "
      "from 2 s on is given in percent of a tenth.";
  s.variants = {kWeft, "peak EWMA"};
  s.run = RunStorms;
  s.shown = {{"opened or ejected", ""}, {"share left", "%"}};
  s.criteria = {
      {"opened or ejected by a storm of 404", "", Bound::kAtMost, 0, "opened or ejected", Over::kWorst},
      {"traffic left to the instance that answers 429", "%", Bound::kAtMost, 20, "share left"}};
  return s;
}

}  // namespace weft::sim
