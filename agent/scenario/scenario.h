#pragma once
// A scenario as a user writes it: resources as weftctl apply takes them, and a YAML text that says how much
// traffic there is, how instances answer, and what goes wrong when. Played in virtual time by the decision
// core, as the agents of a mesh with these resources would decide.
//
//   duration: 60s          how long; 60s
//   rate: 200              requests per second of all agents together; 100
//   agents: 3              how many agents share the traffic; 1
//   seed: 1                another seed, other chances; 1
//   authority: cart        what requests are addressed to; the only service when there is one
//   path: /                their path; /
//   postPercent: 10        of them POST, else GET; 0
//   latency: 10ms          mean time of an answer; 10ms
//   spread: 0.5            how much it varies (sigma of a log-normal distribution); 0.5
//   cores: 4               of each instance, shared by its requests; 0: each request takes its time however
//   many there are faults:
//   - {at: 20s, for: 10s, instances: [cart-1], kind: refuse}         also reset, hang, blackHole
//   - {at: 20s, for: 10s, kind: errors, percent: 30, status: 500}    no instances: all of them
//   - {at: 20s, for: 10s, instances: [cart-2], kind: slow, by: 2s}
//
// Thread rule: pure functions.

#include <string>
#include <vector>

#include "agent/simulate/tally.h"
#include "agent/simulate/world.h"
#include "common/compile/compile.h"
#include "common/result/result.h"

namespace weft::scenario {

struct TimedFault {
  Duration at = Duration::zero(), lasts = Duration::zero();  // zero: to the end
  std::vector<InstanceId> instances;                         // empty: all
  simulate::Behaviour behaviour;
};

struct Scenario {
  Duration duration = std::chrono::seconds(60);
  double rate = 100;
  std::uint32_t agents = 1;
  std::uint64_t seed = 1;
  std::string authority, path = "/";
  double post_percent = 0;
  Duration latency = std::chrono::milliseconds(10);
  double spread = 0.5;
  double cores = 0;
  std::vector<TimedFault> faults;
};

struct Parsed {
  Scenario scenario;
  std::vector<Error> errors;  // each with place and field
};
Parsed Parse(std::string_view text, const std::string& file);

struct Report {
  simulate::Tally tally;
  TimePoint begin;
  std::uint64_t events = 0;
  std::vector<std::pair<InstanceId, std::uint64_t>> attempts;  // by instance, sorted by id
};
// An error names what does not fit the resources: an instance, a service.
Result<Report> Play(const Scenario& scenario, const compile::Output& resources);

}  // namespace weft::scenario
