#include <algorithm>

#include "agent/scenario/scenario.h"
#include "agent/simulate/agent.h"
#include "common/snapshot/builder.h"

namespace weft::scenario {
namespace {

using ServerIndex = std::unordered_map<std::uint64_t, std::uint32_t>;  // by hash of the instance

snapshot::SnapshotPtr SnapshotOf(const compile::Output& resources) {
  snapshot::Parts parts;
  for (const auto& [key, bundle] : resources.bundles)
    parts.services[key].bundle = std::make_shared<const policy::ServiceBundle>(bundle);
  for (const auto& [key, endpoints] : resources.endpoints)
    parts.services[key].endpoints.endpoints = std::make_shared<const snapshot::Endpoints>(endpoints);
  return snapshot::Build(parts, nullptr, 1);
}

std::vector<InstanceId> InstancesOf(const compile::Output& resources) {
  std::vector<InstanceId> ids;
  for (const auto& [key, endpoints] : resources.endpoints) {
    for (const snapshot::Instance& instance : endpoints.instances) ids.push_back(instance.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Status Check(const Scenario& scenario, const compile::Output& resources, const std::vector<InstanceId>& ids) {
  if (ids.empty()) return Invalid("the resources have no instances: nobody could answer");
  if (scenario.authority.empty() && resources.bundles.size() != 1) {
    return Invalid("the resources have " + std::to_string(resources.bundles.size()) +
                       " services: say which one is asked",
                   "authority");
  }
  for (std::size_t i = 0; i < scenario.faults.size(); ++i) {
    for (const InstanceId& id : scenario.faults[i].instances) {
      if (std::binary_search(ids.begin(), ids.end(), id)) continue;
      return Invalid("the resources have no instance '" + id + "'",
                     "faults[" + std::to_string(i) + "].instances");
    }
  }
  return {};
}

std::string AuthorityOf(const Scenario& scenario, const compile::Output& resources) {
  if (!scenario.authority.empty()) return scenario.authority;
  const ServiceKey& only = resources.bundles.begin()->first;
  return only.name + "." + only.ns;
}

void PlanFault(simulate::World& world, const TimedFault& fault, const std::vector<std::uint32_t>& servers) {
  world.At(fault.at, [&world, servers, behaviour = fault.behaviour] {
    for (const std::uint32_t server : servers) world.server(server).behaviour = behaviour;
  });
  if (fault.lasts == Duration::zero()) return;
  world.At(fault.at + fault.lasts, [&world, servers] {
    for (const std::uint32_t server : servers) world.server(server).behaviour = {};
  });
}

}  // namespace

Result<Report> Play(const Scenario& scenario, const compile::Output& resources) {
  const std::vector<InstanceId> ids = InstancesOf(resources);
  if (const Status fits = Check(scenario, resources, ids); !fits) return fits.error();
  simulate::WorldSettings settings;
  settings.seed = scenario.seed;
  settings.work = {simulate::Work::Shape::kLogNormal, scenario.latency, scenario.spread};
  settings.post_share = scenario.post_percent / 100;
  simulate::World world(settings);
  simulate::Model model;
  if (scenario.cores > 0) model = {simulate::Model::Kind::kSharing, scenario.cores};
  auto servers = std::make_shared<ServerIndex>();
  for (const InstanceId& id : ids) {
    (*servers)[HashBytes(id)] = static_cast<std::uint32_t>(world.servers());
    world.AddServer(model);
  }
  const snapshot::SnapshotPtr snapshot = SnapshotOf(resources);
  for (std::uint32_t i = 0; i < scenario.agents; ++i) {
    world.AddClient(std::make_unique<simulate::Agent>(
        simulate::AgentSettings{.seed = scenario.seed * 1000 + i,
                                .client = i,
                                .authority = AuthorityOf(scenario, resources),
                                .path = scenario.path},
        snapshot, servers, &world.tally(), world.now()));
  }
  for (const TimedFault& fault : scenario.faults) {
    std::vector<std::uint32_t> hit;
    for (const InstanceId& id : fault.instances.empty() ? ids : fault.instances)
      hit.push_back(servers->at(HashBytes(id)));
    PlanFault(world, fault, hit);
  }
  world.SetRate(scenario.rate);
  world.Run(scenario.duration);
  Report report;
  report.tally = world.tally();
  report.begin = world.begin();
  report.events = world.events();
  for (std::size_t i = 0; i < ids.size(); ++i) report.attempts.emplace_back(ids[i], world.sent_to(i));
  return report;
}

}  // namespace weft::scenario
