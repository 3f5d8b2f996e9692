// S1 and S2: the testbed of NSDI'24, a hundred clients and a hundred servers that other work runs beside.
#include <array>
#include <cmath>

#include "tests/sim/baseline/probing.h"
#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr std::uint32_t kMany = 100;
constexpr double kCores = 10;  // what a server is allotted
constexpr double kTimeout = 5;

constexpr const char* kWeighted = "weighted RR";
constexpr const char* kFresh = "two choices, true load";
constexpr const char* kPrequal = "Prequal";
constexpr const char* kC3 = "C3";
constexpr const char* kHotCold = "weft, hot-cold";

// Each server's capacity is drawn anew about every 2 s: less than allotted while others contend for its
// machine, which is most of the time on one in seven.
class Antagonists {
 public:
  explicit Antagonists(simulate::World& world)
      : world_(world), next_(world.servers()), drawn_(world.servers()) {
    world.Every(milliseconds(20), [this] { Step(); });
    Step();
  }

 private:
  void Step() {
    for (std::size_t i = 0; i < next_.size(); ++i) {
      if (world_.now() < next_[i]) continue;
      const std::uint64_t at = i << 32 | drawn_[i]++;
      const simulate::Draws& draws = world_.draws();
      const bool contended = draws.Unit(simulate::Stream::kAntagonist, at) < (i % 7 == 0 ? 0.9 : 0.1);
      const double u = draws.Unit(simulate::Stream::kAntagonist, at, 1);
      world_.server(i).SetCapacity(kCores * (contended ? 0.8 + 0.2 * u : 1.2 + 2.8 * u));
      next_[i] =
          world_.now() + simulate::Seconds(2 * draws.Exponential(simulate::Stream::kAntagonist, at, 2));
    }
  }
  simulate::World& world_;
  std::vector<TimePoint> next_;
  std::vector<std::uint64_t> drawn_;
};

struct Shared {
  std::shared_ptr<Centre> centre;
  std::shared_ptr<LoadBook> book;
};

Parts PartsOf(const std::string& variant, std::uint32_t client, const Setup& setup, const Shop& shop,
              simulate::World& world, Shared& shared) {
  if (!shared.centre) {
    shared.centre = std::make_shared<Centre>(world, kCores);
    shared.book = std::make_shared<LoadBook>(world);
  }
  const std::uint64_t seed = setup.seed * 1000 + client;
  Parts parts;
  if (variant == kWeighted) {
    parts.balancer = MakeWeighted(shared.centre, client);
  } else if (variant == kFresh) {
    parts.balancer = MakeFreshChoices(world, seed);
  } else if (variant == kPrequal || variant == kC3) {
    parts.balancer =
        MakeProbing(variant == kC3 ? Score::kC3 : Score::kHotCold, shared.book, kMany, kMany, seed);
  } else {
    parts = DefaultsOf(variant, shop, setup.seed, client);
  }
  parts.request_timeout = simulate::Seconds(kTimeout);
  return parts;
}

void RunLoad(double load, const std::string& name, const Setup& setup, Result& result) {
  Shared shared;
  Shop shop;
  shop.servers = shop.clients = kMany;
  shop.world.work = {simulate::Work::Shape::kNormal, milliseconds(75), 1, milliseconds(1)};
  shop.model = {simulate::Model::Kind::kSharing, kCores};
  shop.policy.timeouts.request = simulate::Seconds(kTimeout);
  if (setup.variant == kHotCold) shop.policy.load_balancer.policy = policy::Balancer::kHotCold;
  shop.parts = [&](const std::string& variant, std::uint32_t client, simulate::World& world) {
    return PartsOf(variant, client, setup, shop, world, shared);
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  const Antagonists antagonists(*world);
  if (setup.variant == kWeighted) world->Every(seconds(1), [&] { shared.centre->Update(); });
  constexpr double kMeanWork = 0.0813;  // of the normal distribution cut off at 1 ms
  const int warm_up = setup.quick ? 3 : 7, measured = setup.quick ? 3 : 8;
  world->MeasureFrom(seconds(warm_up));
  world->SetRate(load * kMany * kCores / kMeanWork);
  world->Run(seconds(warm_up + measured));
  world->SetRate(0);
  world->Run(seconds(6));
  const simulate::Counts& c = world->tally().counts();
  result.figures["p50 " + name] = Percentile(*world, 50);
  result.figures["p99 " + name] = Percentile(*world, 99);
  result.figures["errors " + name] = 100.0 * static_cast<double>(c.bad) / static_cast<double>(c.requests);
  result.series["p99"].push_back(Percentile(*world, 99));
  result.events += world->events();
}

struct Load {
  double of_allotted;
  const char* name;
};
constexpr std::array kRamp = {Load{0.75, "0.75"}, Load{1.27, "1.27"}, Load{1.74, "1.74"}};
constexpr std::array kTable = {Load{0.70, "70 %"}, Load{0.90, "90 %"}};

template <std::size_t N>
Result RunLoads(const std::array<Load, N>& loads, const Setup& setup) {
  Result result;
  for (const Load& load : loads) RunLoad(load.of_allotted, load.name, setup, result);
  return result;
}

std::vector<std::string> Rules() {
  return {kWeft,          kHotCold,      "random",    "round robin", kWeighted,
          "least loaded", "two choices", "peak EWMA", kFresh,        kPrequal};
}

auto Ratio(const char* figure, const char* one, const char* other) {
  return [=](const Sample& of) { return of(one, figure) / of(other, figure); };
}

// A quotient of two p99 that hot-cold must reach.
Criterion OfHotCold(const char* text, double limit, const char* figure, const char* other) {
  return Because({text, "x", Bound::kAtMost, limit, Ratio(figure, kHotCold, other)},
                 "The limit was found with one probe per request beside what answers say, which the agent "
                 "does not send, and "
                 "with other draws.");
}

}  // namespace

Scenario Ramp() {
  Scenario s;
  s.id = "S1";
  s.title = "Load beyond what is allotted, beside other work";
  s.text =
      "A hundred clients, a hundred servers of ten cores each, work of 75 ms with as much deviation, 5 s "
      "until a client "
      "gives up; the load is 0.75 to 1.74 of what the servers are allotted, and what they really have "
      "changes every two "
      "seconds. `weft` is the default balancer, peak EWMA; hot-cold has criteria of its own. Weighted round "
      "robin has "
      "its weights from a centre that sees all at once, and two choices by true load ask both servers and "
      "wait for "
      "nothing: both are kinder than reality. A time-out counts as 5,000 ms.";
  s.variants = Rules();
  s.run = [](const Setup& setup) { return RunLoads(kRamp, setup); };
  for (const Load& load : kRamp) {
    s.shown.push_back({std::string("p99 ") + load.name, "ms"});
    s.shown.push_back({std::string("errors ") + load.name, "%"});
  }
  s.criteria = {
      OfHotCold("hot-cold p99 over two choices by peak EWMA at 1.27", 0.65, "p99 1.27", "peak EWMA"),
      OfHotCold("hot-cold p99 over two choices by peak EWMA at 1.74", 0.35, "p99 1.74", "peak EWMA"),
      OfHotCold("hot-cold p99 over weighted round robin at 1.27", 0.1, "p99 1.27", kWeighted),
      OfHotCold("hot-cold p99 over weighted round robin at 1.74", 0.1, "p99 1.74", kWeighted),
      Because({"hot-cold: errors at 1.74", "%", Bound::kAtMost, 0,
               [](const Sample& of) { return of(kHotCold, "errors 1.74"); }, Over::kWorst},
              "Some requests wait longer than 5 s."),
      Because({"weighted round robin fails at 1.74", "%", Bound::kAtLeast, 2,
               [](const Sample& of) { return of(kWeighted, "errors 1.74"); }},
              "Few queues reach 5 s in the 8 s that are measured; the published 5 % are of a minute."),
      Because({"at 0.75 all are within 15 % at p50: widest", "%", Bound::kAtMost, 15,
               [](const Sample& of) {
                 double least = 1e9, most = 0;
                 for (const std::string& rule : Rules()) {
                   least = std::min(least, of(rule, "p50 0.75"));
                   most = std::max(most, of(rule, "p50 0.75"));
                 }
                 return 100 * (most / least - 1);
               }},
              "The limit is of the published ramp; here antagonists take capacity at 0.75 already, which "
              "rules that do not look at load feel.")};
  s.charts = {{"p99", "p99 by load", "load, of what is allotted", "ms", {0.75, 1.27, 1.74}, true}};
  return s;
}

Scenario RuleTable() {
  Scenario s;
  s.id = "S2";
  s.title = "Rules of selection at 70 and 90 %";
  s.text =
      "The same hundred servers below what they are allotted. The published order is Prequal, C3, peak EWMA, "
      "two choices, "
      "least loaded, weighted round robin; C3 scores Prequal's probes here. A criterion below is a quotient "
      "of two p99 at "
      "90 % and must not exceed 1.";
  s.variants = Rules();
  s.variants.push_back(kC3);
  s.run = [](const Setup& setup) { return RunLoads(kTable, setup); };
  for (const Load& load : kTable) s.shown.push_back({std::string("p99 ") + load.name, "ms"});
  const auto order = [](const char* better, const char* worse) {
    return Because(
        {std::string(better) + " <= " + worse, "x", Bound::kAtMost, 1, Ratio("p99 90 %", better, worse)},
        "The published order is of real machines; in this world the two are close, and the quotient says by "
        "how "
        "much they are the other way round.");
  };
  s.criteria = {OfHotCold("hot-cold <= C3", 1, "p99 90 %", kC3),
                OfHotCold("hot-cold <= peak EWMA", 1, "p99 90 %", "peak EWMA"),
                order(kPrequal, kC3),
                order(kC3, "peak EWMA"),
                order("peak EWMA", "two choices"),
                order("two choices", "least loaded"),
                order("least loaded", kWeighted),
                order(kWeft, "two choices"),
                Because({"weighted round robin is fine at 70 %: p99 over Prequal's", "x", Bound::kAtMost, 1.5,
                         Ratio("p99 70 %", kWeighted, kPrequal)},
                        "The published quotient is 1.1. Capacity changes every 2 s here and weights follow "
                        "over 10 s, and 7 s of warm-up "
                        "are short for them.")};
  return s;
}

}  // namespace weft::sim
