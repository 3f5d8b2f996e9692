#include "agent/limit/concurrency.h"
#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kNoLimit = "no limit";
constexpr double kWorkers = 16, kMean = 0.050, kCapacity = kWorkers / kMean;  // requests per second
constexpr double kPatience = 5;  // seconds until a client gives up

// The agent's own limit, at the server's door.
class Limited final : public simulate::Gate {
 public:
  explicit Limited(policy::Limiter limiter) { policy_.limiter = limiter; }
  bool Enter() override { return limit_.TryEnter(policy_, limit::Priority::kCritical); }
  void Leave(Duration took, bool answered, TimePoint now) override {
    limit_.Leave(policy_, took, false, answered, now);
  }

 private:
  policy::Concurrency policy_;
  limit::Concurrency limit_;
};

policy::Limiter LimiterOf(const std::string& variant) {
  if (variant == "aimd") return policy::Limiter::kAimd;
  if (variant == "vegas") return policy::Limiter::kVegas;
  return variant == kNoLimit ? policy::Limiter::kOff : policy::Limiter::kGradient;
}

struct Step {
  double goodput, p99;  // of capacity; ms
};

Step RunOverloadStep(double load, const Setup& setup, Result& result) {
  Shop shop;
  shop.servers = 1;
  shop.world.work = {simulate::Work::Shape::kExponential, simulate::Seconds(kMean)};
  shop.model = {simulate::Model::Kind::kQueue, kWorkers, 0, false};
  Setup plain = setup;  // who asks decides nothing: the limit stands before the server
  plain.variant = "random";
  shop.policy.timeouts.request = simulate::Seconds(kPatience);
  const std::unique_ptr<simulate::World> world = Open(shop, plain);
  Limited gate(LimiterOf(setup.variant));
  if (setup.variant != kNoLimit) world->server(0).gate = &gate;
  const int warm_up = 30, measured = setup.quick ? 20 : 60;
  world->SetRate(0.5 * kCapacity);
  world->At(seconds(10), [&] { world->SetRate(load * kCapacity); });
  world->MeasureFrom(seconds(warm_up));
  world->Run(seconds(warm_up + measured));
  result.events += world->events();
  const simulate::Counts& c = world->tally().counts();
  return {100.0 * static_cast<double>(c.good) / measured / kCapacity,
          world->tally().good_times().Percentile(99) / 1000.0};
}

Result RunOverload(const Setup& setup) {
  Result result;
  double unloaded = 0;
  for (const double load : {0.5, 0.8, 1.0, 1.2, 1.5, 2.0}) {
    const Step step = RunOverloadStep(load, setup, result);
    if (load == 0.5) unloaded = step.p99;
    result.series["goodput"].push_back(step.goodput);
    result.series["p99"].push_back(step.p99);
    if (load != 2.0) continue;
    result.figures["goodput at 2x"] = step.goodput;
    result.figures["p99 at 2x"] = step.p99;
    result.figures["p99 over unloaded"] = step.p99 / unloaded;
  }
  return result;
}

}  // namespace

Scenario Overload() {
  Scenario s;
  s.id = "S17";
  s.title = "Up to twice the load that a service can bear";
  s.text =
      "One instance with sixteen workers and a queue without bound, 320 requests per second at most; its "
      "load goes from 0.5 to "
      "2 of that. Clients give up after 5 s, the server does not notice. `weft` is `concurrency.limiter: "
      "gradient`, `aimd` and "
      "`vegas` are Weft's other two: all three are the agent's own limit, at the server's door. Goodput is "
      "what was answered in "
      "time, in percent of what the server can do; p99 is of what was let in.";
  s.variants = {kWeft, "vegas", "aimd", kNoLimit};
  s.run = RunOverload;
  s.shown = {{"goodput at 2x", "%"}, {"p99 at 2x", "ms"}, {"p99 over unloaded", "x"}};
  s.criteria = {
      {"goodput at twice the capacity", "%", Bound::kAtLeast, 90, "goodput at 2x"},
      Because({"p99 at twice the capacity, over unloaded", "x", Bound::kAtMost, 5, "p99 over unloaded"},
              "The limit moves around its mark, and what is let in at its upper turn waits for what came "
              "before.")};
  const std::vector<double> loads = {0.5, 0.8, 1.0, 1.2, 1.5, 2.0};
  s.charts = {{"goodput", "Goodput by load", "load, of capacity", "% of capacity", loads},
              {"p99", "p99 of what was let in, by load", "load, of capacity", "ms", loads, true}};
  return s;
}

}  // namespace weft::sim
