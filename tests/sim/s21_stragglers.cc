#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kNoHedging = "weft, no hedging";
constexpr std::uint32_t kTen = 10;
constexpr double kCoresEach = 16, kUsualWork = 0.01;
constexpr double kStraggleShare = 0.01, kStraggleTimes = 10;  // of stragglers

// With the stragglers' work in it.
void RunAt(double utilization, const std::string& name, const Setup& setup, Result& result) {
  Shop shop;
  shop.servers = kTen;
  shop.clients = 5;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5};
  shop.world.work.straggle_share = kStraggleShare;
  shop.world.work.straggle_times = kStraggleTimes;
  shop.model = {simulate::Model::Kind::kSharing, kCoresEach};
  shop.policy.hedging.enabled = setup.variant == kWeft;
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  const int warm_up = 10, measured = setup.quick ? 10 : 40;
  world->MeasureFrom(seconds(warm_up));
  world->SetRate(utilization * kTen * kCoresEach /
                 (kUsualWork * (1 + kStraggleShare * (kStraggleTimes - 1))));
  world->Run(seconds(warm_up + measured));
  const simulate::Counts c =
      world->tally().Between(world->begin() + seconds(warm_up), world->begin() + seconds(warm_up + measured));
  result.figures["p99.9 " + name] = Percentile(*world, 99.9);
  result.figures["p50 " + name] = Percentile(*world, 50);
  result.figures["more attempts " + name] =
      100.0 * (static_cast<double>(c.attempts) / static_cast<double>(c.requests) - 1);
  result.events += world->events();
}

}  // namespace

Scenario Stragglers() {
  Scenario s;
  s.id = "S21";
  s.title = "Hedging against stragglers";
  s.text =
      "Ten instances of 16 cores, work of 10 ms (log-normal, sigma 0.5), of which one attempt in a hundred "
      "takes ten times as long, wherever it goes; at 30 % and at 80 % of what the instances can do. "
      "`hedging` "
      "with its defaults, beside the same without. Instances tell how much they serve at once, as agents "
      "with "
      "a concurrency limiter do.";
  s.variants = {kWeft, kNoHedging};
  s.run = [](const Setup& setup) {
    Result result;
    RunAt(0.3, "30 %", setup, result);
    RunAt(0.8, "80 %", setup, result);
    return result;
  };
  s.shown = {{"p50 30 %", "ms"}, {"p99.9 30 %", "ms"}, {"more attempts 30 %", "%"},
             {"p50 80 %", "ms"}, {"p99.9 80 %", "ms"}, {"more attempts 80 %", "%"}};
  s.criteria = {
      {"p99.9 at 30 %, over no hedging", "x", Bound::kAtMost, 0.5,
       [](const Sample& of) { return of(kWeft, "p99.9 30 %") / of(kNoHedging, "p99.9 30 %"); }},
      {"more attempts at 30 %", "%", Bound::kAtMost, 2, "more attempts 30 %"},
      {"off at 80 %: attempts more than without hedging", "%", Bound::kAtMost, 0.1, [](const Sample& of) {
         return of(kWeft, "more attempts 80 %") - of(kNoHedging, "more attempts 80 %");
       }}};
  return s;
}

}  // namespace weft::sim
