#include <algorithm>
#include <cmath>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr Duration kCrash = seconds(20);
constexpr int kLasts = 40;

// The last second in which a client still saw an error, from the crash on; zero: none did.
double ErrorWindow(simulate::World& world) {
  double last = 0;
  for (Duration at = kCrash; at < kCrash + seconds(kLasts); at += simulate::kSlice) {
    const simulate::Counts c =
        world.tally().Between(world.begin() + at, world.begin() + at + simulate::kSlice);
    if (c.bad > 0) last = simulate::InSeconds(at + simulate::kSlice - kCrash);
  }
  return last;
}

// Until a client's first ejection of one of the crashed, on average of the clients; 60: some never did.
double Detection(simulate::World& world, std::uint32_t clients) {
  double sum = 0;
  for (std::uint32_t client = 0; client < clients; ++client) {
    double first = 60;
    for (const simulate::Change& change : world.tally().changes()) {
      if (change.client == client && change.to == "ejected" && change.at >= world.begin() + kCrash)
        first = std::min(first, simulate::InSeconds(change.at - world.begin() - kCrash));
    }
    sum += first;
  }
  return sum / clients;
}

constexpr const char* kAskedAgain =
    "Each instance that refuses is asked again once a second, and now and then a request meets three of "
    "them; "
    "the window is from the first such request to the last.";

struct Case {
  const char* name;
  std::uint32_t servers, crashed, clients;
  double rate;
  simulate::Fault fault;
  bool regions =
      false;  // five instances in each of two zones of the own region, which is lost, and five in another
};

void RunCrashCase(const Case& c, const Setup& setup, Result& result) {
  Shop shop;
  shop.servers = c.servers;
  shop.clients = c.clients;
  shop.world.work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5};
  if (c.regions) {
    for (std::uint32_t i = 0; i < c.servers; ++i)
      shop.zones.push_back(i % 3 == 0 ? "east/a" : i % 3 == 1 ? "east/b" : "west/a");
    shop.client_zone = "east/a";
    shop.policy.load_balancer.prefer_zone = true;
  }
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetRate(c.rate);
  world->At(kCrash, [&] {
    for (std::uint32_t i = 0; i < c.crashed; ++i)
      world->server(c.regions ? i / 2 * 3 + i % 2 : i * 3).behaviour.fault = c.fault;
  });
  world->Run(kCrash + seconds(kLasts + 12));
  const simulate::Counts counts =
      world->tally().Between(world->begin() + kCrash, world->begin() + kCrash + seconds(kLasts));
  const std::string name = c.name;
  result.figures["detection " + name] = Detection(*world, c.clients);
  result.figures["error window " + name] = ErrorWindow(*world);
  result.figures["lost " + name] = static_cast<double>(counts.bad) / c.rate;
  result.series["success " + name] = SuccessPerSecond(*world, 60);
  result.events += world->events();
}

Result RunCrash(const Setup& setup) {
  Result result;
  RunCrashCase({"30 rps", 10, 1, 1, 30, simulate::Fault::kRefuse}, setup, result);
  RunCrashCase({"300 rps", 10, 1, 3, 300, simulate::Fault::kRefuse}, setup, result);
  RunCrashCase({"zone", 15, 5, 3, 300, simulate::Fault::kBlackHole}, setup, result);
  RunCrashCase({"region", 15, 10, 3, 300, simulate::Fault::kRefuse, true}, setup, result);
  return result;
}

}  // namespace

Scenario Crash() {
  Scenario s;
  s.id = "S6";
  s.title = "One of ten crashes, a zone is lost";
  s.text =
      "One of ten instances refuses connections, at 30 and at 300 requests per second; then five of fifteen "
      "vanish at once "
      "(connections time out after 1 s; Envoy's default is 5 s); then ten of fifteen, the clients' region, "
      "refuse connections, "
      "where Weft prefers zones. `lost` is what clients saw fail, in "
      "seconds' worth of "
      "traffic. Envoy's defaults are outlier detection with an interval of 10 s and 10 %, and no retries.";
  s.variants = {kWeft, kEnvoy, kEnvoyRetry, kLinkerd, kLinkerdAccrual};
  s.run = RunCrash;
  for (const char* name : {"30 rps", "300 rps", "zone", "region"}) {
    for (const char* what : {"detection ", "error window ", "lost "})
      s.shown.push_back({std::string(what) + name, "s"});
  }
  const auto criterion = [](const char* text, double limit, std::string figure) {
    return Criterion{text, "s", Bound::kAtMost, limit, figure};
  };
  s.criteria = {
      criterion("crash detected, 30 rps", 2, "detection 30 rps"),
      criterion("crash detected, 300 rps of 3 agents", 2, "detection 300 rps"),
      Because(
          criterion("zone loss detected", 2, "detection zone"),
          "An instance that vanished is noticed when `timeouts.connect` (1 s) is over, and the requests that "
          "then confirm it take that second again: two seconds and a little with the default."),
      criterion("clients see errors, 30 rps", 5, "error window 30 rps"),
      criterion("clients see errors, 300 rps", 5, "error window 300 rps"),
      criterion("clients see errors, zone", 5, "error window zone"),
      criterion("traffic lost, 30 rps", 0.5, "lost 30 rps"),
      criterion("traffic lost, 300 rps", 0.5, "lost 300 rps"),
      criterion("traffic lost, zone", 0.5, "lost zone")};
  s.criteria.push_back(
      Because(criterion("clients see errors, region", 5, "error window region"), kAskedAgain));
  s.criteria.push_back(Because(criterion("traffic lost, region", 0.5, "lost region"), kAskedAgain));
  s.charts = {{"success zone",
               "Success when five of fifteen instances vanish (at 20 s)",
               "seconds",
               "% of requests",
               {}}};
  return s;
}

}  // namespace weft::sim
