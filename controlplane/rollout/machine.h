#pragma once
// A rollout as a state machine: stage by stage, each gated on what its agents refuse, on all of them applying
// the candidate, and on their traffic. It decides; its owner chooses agents, serves cohorts and writes
// revisions. Pure: time and observations come in. Not thread safe.
//
// Each stage first converges: every connected agent of the cohort applies the revision within plan.converge.
// Then it bakes: for plan.bake the cohort's traffic is compared with that of all other agents (gate.h).
// Refusals and bad traffic roll back at any time, also while paused. After a restart the stage begins again.

#include <vector>

#include "controlplane/rollout/gate.h"
#include "controlplane/rollout/plan.h"

namespace weft::rollout {

struct Observation {
  std::uint32_t connected = 0;        // agents in all
  std::uint32_t agents = 0;           // of the cohort, connected
  std::uint32_t converged = 0;        // of those, that apply the candidate
  std::vector<std::string> refusals;  // "cart-1: default/cart: routes[0]: …"; a few of them
  Traffic candidate, others;          // since the stage began to bake
};

enum class Step : std::uint8_t {
  kStay,
  kBake,      // everybody of the stage applies it: measure from now on
  kAdvance,   // the next stage began: serve its cohort
  kComplete,  // release to all
  kRollBack,  // take it back: state().reason and message say why; asked again until Ended is called
};

class Machine {
 public:
  // A new one (state: revision, base, plan, principal, began_unix_ms) or one that was kept.
  static Result<Machine> Make(v1::Rollout state, TimePoint now);

  Step Look(const Observation& seen, TimePoint now);
  Status Pause();
  Status Resume();
  Status Promote(bool all);            // the next Look advances or completes
  void Abort(const std::string& who);  // the next Look rolls back

  const v1::Rollout& state() const { return state_; }
  const Plan& plan() const { return plan_; }
  bool baking() const { return baked_since_.has_value(); }
  Cohort cohort() const { return CohortOf(plan_, state_.stage(), state_); }
  std::size_t wanted() const;  // agents that this stage counts; 0: it counts none
  void AddNode(const std::string& node) { state_.add_nodes(node); }
  void Ended(const char* state, std::int64_t unix_ms, std::uint64_t rolled_back_as);

 private:
  Machine(v1::Rollout state, Plan plan, TimePoint now)
      : state_(std::move(state)), plan_(std::move(plan)), stage_since_(now) {}

  bool last_stage() const { return state_.stage() == plan_.stages.size(); }
  void Show(const Observation& seen);
  void Note(std::string line);
  Step Halt(const char* reason, std::string message);
  Step Converge(const Observation& seen, TimePoint now);
  Step Bake(const Observation& seen, TimePoint now);
  Step Advance(TimePoint now);
  std::string StageText() const;

  v1::Rollout state_;
  Plan plan_;
  TimePoint stage_since_;
  std::optional<TimePoint> baked_since_;
  Traffic usual_;  // others of the stage before, for the one that has no others
  bool promoted_ = false;
};

}  // namespace weft::rollout
