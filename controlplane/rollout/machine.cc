#include "controlplane/rollout/machine.h"

namespace weft::rollout {
namespace {

constexpr int kMaxEvidence = 50;
constexpr std::size_t kRefusalsNamed = 3;
constexpr std::uint64_t kEnoughOthers = 20;

void Fill(v1::RolloutTraffic& out, const Traffic& traffic) {
  out.set_requests(traffic.requests);
  out.set_failures(traffic.failures);
  out.set_p95_ms(traffic.P95Ms());
}

std::string Seconds(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

Result<Machine> Machine::Make(v1::Rollout state, TimePoint now) {
  auto plan = ReadPlan(*state.mutable_plan());
  if (!plan) return plan.error();
  if (state.stage() == 0) {
    state.set_state("progressing");
    state.set_stage(1);
  }
  state.set_stage(std::min<std::uint32_t>(state.stage(), static_cast<std::uint32_t>(plan->stages.size())));
  state.set_phase("converging");
  Machine machine(std::move(state), std::move(*plan), now);
  return machine;
}

std::size_t Machine::wanted() const {
  const Count* count = std::get_if<Count>(&plan_.stages[state_.stage() - 1]);
  return count == nullptr ? 0 : count->agents;
}

Step Machine::Look(const Observation& seen, TimePoint now) {
  Show(seen);
  if (!state_.reason().empty()) return Step::kRollBack;
  if (!seen.refusals.empty()) {
    for (std::size_t i = 0; i < std::min(seen.refusals.size(), kRefusalsNamed); ++i) Note(seen.refusals[i]);
    return Halt("Refused", StageText() + ": an agent refuses it: " + seen.refusals.front());
  }
  return baking() ? Bake(seen, now) : Converge(seen, now);
}

Step Machine::Converge(const Observation& seen, TimePoint now) {
  if (promoted_) return Advance(now);
  const std::size_t least =
      std::min<std::size_t>(std::max<std::size_t>(wanted(), 1), std::max(seen.connected, 1U));
  if (seen.agents >= least && seen.converged == seen.agents) {
    baked_since_ = now;
    state_.set_phase("baking");
    return Step::kBake;
  }
  if (state_.state() == "paused" || now - stage_since_ < plan_.converge) return Step::kStay;
  const std::string within = " within " + Seconds(plan_.converge);
  if (seen.agents == 0) return Halt("NoAgents", StageText() + ": no agent of it was connected" + within);
  return Halt("NotConverged", StageText() + ": " + std::to_string(seen.converged) + " of " +
                                  std::to_string(seen.agents) + " agents applied it" + within);
}

Step Machine::Bake(const Observation& seen, TimePoint now) {
  const bool compares = seen.others.requests >= kEnoughOthers;
  if (plan_.bake > Duration(0)) {
    if (const auto verdict = Judge(seen.candidate, compares ? seen.others : usual_))
      return Halt(verdict->code.c_str(), StageText() + ": " + verdict->message);
  }
  if (compares) usual_ = seen.others;
  const bool done = now - *baked_since_ >= plan_.bake && seen.converged == seen.agents;
  if (!promoted_ && (!done || state_.state() == "paused")) return Step::kStay;
  Note(StageText() + ": " + std::to_string(seen.converged) + " agents apply it; " +
       std::to_string(seen.candidate.requests) + " requests, " + std::to_string(seen.candidate.failures) +
       " failed" + (promoted_ ? "; promoted by hand" : ""));
  return Advance(now);
}

Step Machine::Advance(TimePoint now) {
  promoted_ = false;
  if (last_stage()) return Step::kComplete;
  state_.set_stage(state_.stage() + 1);
  state_.set_phase("converging");
  stage_since_ = now;
  baked_since_.reset();
  return Step::kAdvance;
}

Step Machine::Halt(const char* reason, std::string message) {
  state_.set_reason(reason);
  Note(message);
  state_.set_message(std::move(message));
  return Step::kRollBack;
}

Status Machine::Pause() {
  if (state_.state() == "paused") return Invalid("the rollout is paused already", "action");
  state_.set_state("paused");
  return {};
}

Status Machine::Resume() {
  if (state_.state() != "paused") return Invalid("the rollout is not paused", "action");
  state_.set_state("progressing");
  return {};
}

Status Machine::Promote(bool all) {
  if (!state_.reason().empty()) return Invalid("the rollout is being rolled back", "action");
  state_.set_state("progressing");
  if (all) state_.set_stage(static_cast<std::uint32_t>(plan_.stages.size()));
  promoted_ = true;
  return {};
}

void Machine::Abort(const std::string& who) {
  if (state_.reason().empty()) Halt("Aborted", StageText() + ": aborted by " + who);
}

void Machine::Ended(const char* state, std::int64_t unix_ms, std::uint64_t rolled_back_as) {
  state_.set_state(state);
  state_.clear_phase();
  state_.set_ended_unix_ms(unix_ms);
  state_.set_rolled_back_as(rolled_back_as);
}

void Machine::Show(const Observation& seen) {
  state_.set_agents(seen.agents);
  state_.set_converged(seen.converged);
  if (!baking()) return;
  Fill(*state_.mutable_candidate(), seen.candidate);
  Fill(*state_.mutable_others(), seen.others.requests >= kEnoughOthers ? seen.others : usual_);
}

void Machine::Note(std::string line) {
  if (state_.evidence_size() < kMaxEvidence) state_.add_evidence(std::move(line));
}

std::string Machine::StageText() const {
  return "stage " + std::to_string(state_.stage()) + " of " + std::to_string(plan_.stages.size()) + " (" +
         state_.plan().stages(static_cast<int>(state_.stage()) - 1) + ")";
}

}  // namespace weft::rollout
