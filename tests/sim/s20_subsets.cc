#include <algorithm>
#include <set>

#include "tests/sim/shop.h"

namespace weft::sim {
namespace {

constexpr std::uint32_t kAgents = 200, kBackends = 100, kSubset = 20;

using Subset = std::set<std::uint32_t>;

simulate::Cart MakeSubsetCart(std::uint32_t backends) {
  policy::ServicePolicy policy;
  policy.load_balancer.policy = policy::Balancer::kRandom;
  policy.load_balancer.subset = kSubset;
  return simulate::MakeCart(backends, policy);
}

// The instances that an agent uses, found out by asking it often enough that none is overlooked.
Subset SubsetOf(std::uint64_t seed, std::uint32_t agent, const simulate::Cart& cart) {
  const TimePoint now = FromNanos(1'000'000'000'000);
  simulate::Agent client({.seed = seed * 1000 + agent, .client = agent}, cart.snapshot, cart.servers, nullptr,
                         now);
  Subset used;
  for (std::uint64_t i = 0; i < 400; ++i) {
    simulate::Flight flight;
    flight.number = i;
    Reason why = Reason::kOk;
    client.Start(flight, now);
    flight.server = client.Pick(flight, now, why);
    flight.result.outcome = engine::Outcome::kResponse;
    flight.result.status = 200;
    client.Ended(flight, now);
    client.Finish(flight, Reason::kOk, 200, now);
    used.insert(flight.server);
  }
  return used;
}

std::vector<Subset> SubsetsOf(std::uint64_t seed, std::uint32_t backends) {
  const simulate::Cart cart = MakeSubsetCart(backends);
  std::vector<Subset> subsets;
  for (std::uint32_t agent = 0; agent < kAgents; ++agent) subsets.push_back(SubsetOf(seed, agent, cart));
  return subsets;
}

double Spread(const std::vector<Subset>& subsets, std::uint32_t backends) {
  std::vector<double> agents(backends);
  for (const Subset& subset : subsets) {
    for (const std::uint32_t server : subset) agents[server] += 1;
  }
  const auto [least, most] = std::minmax_element(agents.begin(), agents.end());
  return *least == 0 ? 1000 : *most / *least;
}

// Share of an agent's instances that are others when one of `backends` is taken away or comes.
double Churn(const std::vector<Subset>& before, const std::vector<Subset>& after) {
  double changed = 0, all = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (const std::uint32_t server : before[i]) changed += !after[i].contains(server);
    all += static_cast<double>(before[i].size());
  }
  return changed / all;
}

Result RunSubsets(const Setup& setup) {
  Result result;
  const std::vector<Subset> at = SubsetsOf(setup.seed, kBackends);
  const std::vector<Subset> fewer = SubsetsOf(setup.seed, kBackends - 1);
  result.figures["max over min"] = Spread(at, kBackends);
  result.figures["max over min, 80"] = Spread(SubsetsOf(setup.seed, 80), 80);
  result.figures["max over min, 120"] = Spread(SubsetsOf(setup.seed, 120), 120);
  result.figures["changed times 100"] = kBackends * Churn(at, fewer);
  return result;
}

}  // namespace

Scenario Subsets() {
  Scenario s;
  s.id = "S20";
  s.title = "Two hundred agents use twenty of a hundred backends each";
  s.text =
      "Each agent chooses its instances by rendezvous hashing. Looked at is how many agents an instance has, "
      "most over "
      "fewest, with 80, 100 and 120 instances, and the share of an agent's instances that are others when "
      "one of the "
      "hundred goes, times a hundred.";
  s.variants = {kWeft};
  s.run = RunSubsets;
  s.shown = {{"max over min", "x"},
             {"max over min, 80", "x"},
             {"max over min, 120", "x"},
             {"changed times 100", ""}};
  s.criteria = {
      Because(
          {"agents of an instance, most over fewest", "x", Bound::kAtMost, 1.3, "max over min"},
          "The limit is of subsets that a centre deals out in turn. Rendezvous hashing asks nobody, and an "
          "instance gets as many agents as chance gives it: 40 on average, with a deviation of 5.7."),
      {"changed by one of a hundred going, times a hundred", "", Bound::kAtMost, 1, "changed times 100"}};
  return s;
}

}  // namespace weft::sim
