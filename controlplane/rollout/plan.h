#pragma once
// The stages of a rollout and the agents that each reaches. Pure values.

#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "common/resource/selector.h"
#include "common/time/time.h"
#include "weft/v1/config.pb.h"

namespace weft::rollout {

struct Count {  // so many agents, chosen when the stage begins
  std::size_t agents = 1;
};
struct Share {  // of all agents, by a hash of their ids
  std::uint32_t of_10000 = 0;
};
using Stage = std::variant<Count, Share, resource::Selector>;  // all agents: a share of 10,000

struct Plan {
  std::vector<Stage> stages;  // at least one; the last reaches every agent
  Duration bake{}, converge{};
};

inline constexpr std::size_t kMaxStages = 20;

// Reads a plan and fills in what it leaves out; the error's field is "rollout.…".
Result<Plan> ReadPlan(v1::RolloutPlan& plan);

// "1,10%,zone=a,all" as stages; split at semicolons where there is one, for selectors with commas.
v1::RolloutPlan PlanOf(std::string_view stages);

// Which agents are served the candidate.
struct Cohort {
  std::string salt;  // of the hash: each rollout has its own
  std::unordered_set<std::string> nodes;
  std::uint32_t of_10000 = 0;
  std::vector<resource::Selector> selectors;
  bool Has(const v1::Agent& agent) const;
};

// Of the first `stages` stages together, with the chosen nodes.
Cohort CohortOf(const Plan& plan, std::size_t stages, const v1::Rollout& rollout);

}  // namespace weft::rollout
