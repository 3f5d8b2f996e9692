#include "tests/sim/sim.h"

#include <algorithm>
#include <stdexcept>

namespace weft::sim {

double Sample::operator()(const std::string& variant, const std::string& figure) const {
  const auto result = results_.find(variant);
  if (result == results_.end()) throw std::logic_error("no variant " + variant);
  const auto found = result->second.figures.find(figure);
  if (found == result->second.figures.end()) throw std::logic_error("no figure " + figure);
  return found->second;
}

Measured::Measured(std::string figure)
    : of([figure](const Sample& sample) { return sample(kWeft, figure); }), name(figure) {}

std::vector<Scenario> AllScenarios() {
  std::vector<Scenario> all = NotBuilt();
  for (auto make : {Ramp, RuleTable, OneSlowServer, Crash, PartialFailure, Masking, FalseTrips, Recovery,
                    RetryStorm, TransientFaults, Prediction, Storms, Flapping, AdaptiveTimeout, Overload,
                    Quota, Subsets, Stragglers, HashedKeys})
    all.push_back(make());
  std::sort(all.begin(), all.end(), [](const Scenario& a, const Scenario& b) {
    return std::stoi(a.id.substr(1)) < std::stoi(b.id.substr(1));
  });
  return all;
}

}  // namespace weft::sim
