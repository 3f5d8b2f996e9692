#include <algorithm>
#include <cmath>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr const char* kMaglev = "weft, maglev";
constexpr const char* kRing = "weft, ring hash";
constexpr const char* kPlain = "key modulo n";
constexpr std::uint32_t kInstances = 20, kKeys = 5000;
constexpr double kZipf = 1.1;

class Modulo final : public Balancer {
 public:
  std::uint32_t Pick(std::span<const std::uint32_t> from, const simulate::Flight& flight,
                     TimePoint) override {
    return from[Mix(1, flight.key, Purpose::kSimulation, 0) % from.size()];
  }
};

// Keys by their rank: the first one is asked for most.
class Zipf {
 public:
  Zipf() {
    double sum = 0;
    for (std::uint32_t k = 1; k <= kKeys; ++k) cumulated_.push_back(sum += std::pow(k, -kZipf));
    for (double& c : cumulated_) c /= sum;
  }
  std::uint64_t Key(double unit) const {
    return 1 + static_cast<std::uint64_t>(std::lower_bound(cumulated_.begin(), cumulated_.end(), unit) -
                                          cumulated_.begin());
  }

 private:
  std::vector<double> cumulated_;
};

policy::ServicePolicy HashPolicy(const std::string& variant) {
  policy::ServicePolicy policy;
  policy.load_balancer.policy = variant == kRing ? policy::Balancer::kRingHash : policy::Balancer::kMaglev;
  policy.load_balancer.hash_header = "x-key";
  return policy;
}

std::uint32_t Ask(simulate::Decider& client, std::uint64_t key, TimePoint now) {
  simulate::Flight flight;
  flight.number = key;
  flight.key = key;
  Reason why = Reason::kOk;
  client.Start(flight, now);
  flight.server = client.Pick(flight, now, why);
  flight.result.outcome = engine::Outcome::kResponse;
  flight.result.status = 200;
  client.Ended(flight, now);
  client.Finish(flight, Reason::kOk, 200, now);
  return flight.server;
}

std::unique_ptr<simulate::Decider> MakeHashClient(const Setup& setup, std::uint32_t instances) {
  if (!IsWeft(setup.variant)) {
    Parts parts;
    parts.balancer = std::make_unique<Modulo>();
    return std::make_unique<Baseline>(std::move(parts), instances, setup.seed, 0, nullptr);
  }
  const simulate::Cart cart = simulate::MakeCart(instances, HashPolicy(setup.variant));
  return std::make_unique<simulate::Agent>(simulate::AgentSettings{.seed = setup.seed, .key_header = "x-key"},
                                           cart.snapshot, cart.servers, nullptr,
                                           FromNanos(1'000'000'000'000));
}

// Times n: one instance's share of the keys would be 1.
double Moved(const Setup& setup) {
  const TimePoint now = FromNanos(1'000'000'000'000);
  const auto all = MakeHashClient(setup, kInstances), fewer = MakeHashClient(setup, kInstances - 1);
  std::uint32_t moved = 0;
  const std::uint64_t first = setup.seed * 1'000'000;
  for (std::uint64_t key = first; key < first + kKeys; ++key)
    moved += Ask(*all, key, now) != Ask(*fewer, key, now);
  return static_cast<double>(moved) * kInstances / kKeys;
}

Result RunHashedKeys(const Setup& setup) {
  static const Zipf zipf;
  Result result;
  result.figures["moved times n"] = Moved(setup);
  Shop shop;
  shop.servers = kInstances;
  shop.world.work = {simulate::Work::Shape::kExponential, milliseconds(100)};
  shop.policy = HashPolicy(setup.variant);
  shop.key_header = "x-key";
  shop.parts = [](const std::string&, std::uint32_t, simulate::World&) {
    Parts parts;
    parts.balancer = std::make_unique<Modulo>();
    return parts;
  };
  const std::unique_ptr<simulate::World> world = Open(shop, setup);
  world->SetKeys([&](std::uint64_t number) {
    return setup.seed * 1'000'000 + zipf.Key(world->draws().Unit(simulate::Stream::kKey, number));
  });
  world->SetRate(2000);
  double sum = 0;
  int samples = 0;
  world->Every(milliseconds(100), [&] {
    double most = 0, all = 0;
    for (std::uint32_t i = 0; i < kInstances; ++i) {
      most = std::max(most, static_cast<double>(world->server(i).in_flight()));
      all += world->server(i).in_flight();
    }
    if (all > 0) sum += most / all * kInstances, ++samples;
  });
  world->Run(seconds(20));
  std::uint64_t most = 0, all = 0;
  for (std::uint32_t i = 0; i < kInstances; ++i) {
    most = std::max(most, world->sent_to(i));
    all += world->sent_to(i);
  }
  result.figures["most requests"] = static_cast<double>(most) * kInstances / static_cast<double>(all);
  result.figures["most in flight"] = sum / samples;
  result.events = world->events();
  return result;
}

}  // namespace

Scenario HashedKeys() {
  Scenario s;
  s.id = "S22";
  s.title = "Keys stay where they are, and a hot one does not overrun its instance";
  s.text =
      "Twenty instances, keys by a header. First one instance is taken away: the share of 5,000 keys that go "
      "elsewhere, times "
      "n (at least 1, its own). Then 2,000 requests per second with keys by Zipf's law (1.1, the first key "
      "is a sixth of "
      "all) and about 200 in flight: the instance with most against the average, of requests and of what is "
      "in flight.";
  s.variants = {kMaglev, kRing, kPlain};
  s.run = RunHashedKeys;
  s.shown = {{"moved times n", ""}, {"most requests", "x"}, {"most in flight", "x"}};
  const auto of_variant = [](const char* text, double limit, const char* variant, const char* figure) {
    return Criterion{text, "x", Bound::kAtMost, limit, [=](const Sample& of) { return of(variant, figure); }};
  };
  const char* rounding =
      "What is in flight is a whole number: with ten on average the bound of 1.25 is thirteen, and requests "
      "that find their "
      "walk of eight instances full go to the least loaded of them.";
  s.criteria = {
      of_variant("maglev: keys moved, times n", 2, kMaglev, "moved times n"),
      of_variant("ring hash: keys moved, times n", 2, kRing, "moved times n"),
      Because(of_variant("maglev: busiest instance, requests", 1.25, kMaglev, "most requests"), rounding),
      Because(of_variant("ring hash: busiest instance, requests", 1.25, kRing, "most requests"), rounding),
      Because(of_variant("maglev: busiest instance, in flight", 1.25, kMaglev, "most in flight"), rounding),
      Because(of_variant("ring hash: busiest instance, in flight", 1.25, kRing, "most in flight"), rounding)};
  return s;
}

}  // namespace weft::sim
