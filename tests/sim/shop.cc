#include "tests/sim/shop.h"

namespace weft::sim {

using simulate::Counts;
using simulate::World;

bool IsWeft(const std::string& variant) { return variant.starts_with("weft"); }

std::unique_ptr<World> Open(const Shop& shop, const Setup& setup) {
  simulate::WorldSettings settings = shop.world;
  settings.seed = setup.seed;
  auto world = std::make_unique<World>(settings);
  for (std::uint32_t i = 0; i < shop.servers; ++i) world->AddServer(shop.model);
  const simulate::Cart cart =
      IsWeft(setup.variant) ? simulate::MakeCart(shop.servers, shop.policy, shop.zones) : simulate::Cart{};
  for (std::uint32_t i = 0; i < shop.clients; ++i) {
    if (IsWeft(setup.variant)) {
      world->AddClient(
          std::make_unique<simulate::Agent>(simulate::AgentSettings{.seed = setup.seed * 1000 + i,
                                                                    .client = i,
                                                                    .zone = shop.client_zone,
                                                                    .key_header = shop.key_header},
                                            cart.snapshot, cart.servers, &world->tally(), world->now()));
      continue;
    }
    Parts parts =
        shop.parts ? shop.parts(setup.variant, i, *world) : DefaultsOf(setup.variant, shop, setup.seed, i);
    world->AddClient(std::make_unique<Baseline>(std::move(parts), shop.servers, setup.seed * 1000 + i, i,
                                                &world->tally()));
  }
  return world;
}

Parts DefaultsOf(const std::string& variant, const Shop& shop, std::uint64_t seed, std::uint32_t client) {
  Parts parts;
  const policy::Timeouts& timeouts = shop.policy.timeouts;
  parts.attempt_timeout = timeouts.attempt;
  parts.request_timeout = timeouts.request;
  parts.connect_timeout = timeouts.connect;
  const auto rule = [&](Rule r) { parts.balancer = MakeBalancer(r, shop.servers, seed, client); };
  if (variant == kEnvoy || variant == kEnvoyRetry) {
    rule(Rule::kRoundRobin);
    parts.ejector = MakeEjector(EnvoyOutlier{}, shop.servers);
    parts.connect_timeout = seconds(5);
    if (variant == kEnvoyRetry) parts.retries = 1, parts.excludes = true;
  } else if (variant == kLinkerd || variant == kLinkerdAccrual) {
    rule(Rule::kPeakEwma);
    if (variant == kLinkerdAccrual)
      parts.ejector = MakeEjector(LinkerdAccrual{}, shop.servers, seed * 1000 + client);
    parts.panic = 0;
  } else if (variant == "round robin") {
    rule(Rule::kRoundRobin);
  } else if (variant == "least loaded") {
    rule(Rule::kLeastLoaded);
  } else if (variant == "two choices") {
    rule(Rule::kTwoChoices);
  } else if (variant == "peak EWMA") {
    rule(Rule::kPeakEwma);
  } else {
    rule(Rule::kRandom);
  }
  return parts;
}

double SuccessPercent(World& world, Duration from, Duration to) {
  const Counts c = world.tally().Between(world.begin() + from, world.begin() + to);
  return c.requests == 0 ? 0 : 100.0 * static_cast<double>(c.good) / static_cast<double>(c.requests);
}

std::vector<double> SuccessPerSecond(World& world, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(SuccessPercent(world, seconds(i), seconds(i + 1)));
  return values;
}

double FirstChange(World& world, Duration from, const std::string& who, const std::string& to) {
  for (const simulate::Change& change : world.tally().changes()) {
    if (change.at >= world.begin() + from && change.who == who && change.to == to)
      return simulate::InSeconds(change.at - world.begin() - from);
  }
  return -1;
}

std::uint64_t CountChanges(World& world, Duration from, const std::string& to) {
  std::uint64_t count = 0;
  for (const simulate::Change& change : world.tally().changes())
    count += change.at >= world.begin() + from && change.to == to;
  return count;
}

double Percentile(World& world, double percent) { return world.tally().times().Percentile(percent) / 1000.0; }

}  // namespace weft::sim
