// Releases in stages: what the machine of controlplane/rollout decides is done here, to the store and to
// agents.
#include <google/protobuf/util/json_util.h>

#include "common/log/log.h"
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

constexpr std::size_t kSpareAgents = 16;  // chosen in place of agents that went away

std::string JsonOf(const v1::Rollout& state) {
  std::string json;
  const auto written = google::protobuf::util::MessageToJsonString(state, &json);
  return written.ok() ? json : std::string();
}

Result<v1::Rollout> StateOf(const store::Rollout& kept) {
  v1::Rollout state;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // of a newer program
  if (google::protobuf::util::JsonStringToMessage(kept.json, &state, options).ok()) return state;
  return Error{ErrorKind::kInternal,
               "the kept state of the rollout of revision " + std::to_string(kept.revision) + " is damaged",
               {},
               {}};
}

Error Runs(const v1::Rollout& state) {
  return {ErrorKind::kConflict,
          "revision " + std::to_string(state.revision()) + " is being rolled out (stage " +
              std::to_string(state.stage()) + " of " + std::to_string(state.plan().stages_size()) +
              "); wait for its end, or use `weftctl rollout promote --all` or `weftctl rollout abort`",
          {},
          {}};
}

// `named`: zero when whichever runs is meant.
Error NoneRuns(std::uint64_t named) {
  const std::string which = named == 0 ? "no rollout" : "no rollout of revision " + std::to_string(named);
  return {ErrorKind::kConflict, which + " is running; `weftctl rollout list` shows them", {}, {}};
}

Status Steer(rollout::Machine& machine, const v1::SteerRolloutRequest& request, const std::string& who) {
  if (request.action() == "pause") return machine.Pause();
  if (request.action() == "resume") return machine.Resume();
  if (request.action() == "promote") return machine.Promote(request.all());
  if (request.action() != "abort") return Invalid("is none of pause, resume, promote, abort", "action");
  machine.Abort(who);
  return {};
}

}  // namespace

bool IsRunning(const store::Rollout& kept) {
  const auto state = StateOf(kept);
  return state && state->ended_unix_ms() == 0;
}

// Whether the write may be made beside a rollout, or begin one; then it gets the state that is kept with it.
Status Control::CheckRollout(Draft& draft, const compile::Output& compiled, const Principal& principal) {
  if (draft.write.changes.empty() || draft.write.ends) return {};
  if (rollout_) return Runs(rollout_->state());
  if (!draft.rollout) return {};
  if (settings_.fleet == nullptr)
    return Error{ErrorKind::kUnsupported, "there are no agents here", "rollout", {}};
  if (auto ok = publisher_.CanStage(compiled); !ok) return ok;
  v1::Rollout state;
  state.set_base(store_.version().revision);
  state.set_revision(state.base() + 1);
  state.set_principal(principal.name);
  state.set_began_unix_ms(UnixMs(settings_.wall_clock()));
  *state.mutable_plan() = *draft.rollout;
  auto machine = rollout::Machine::Make(std::move(state), settings_.clock());
  if (!machine) return machine.error();
  draft.write.rollout = JsonOf(machine->state());
  draft.response.set_rollout(true);
  draft.machine = std::move(*machine);
  return {};
}

void Control::BeginRollout(rollout::Machine machine, const compile::Output& compiled) {
  rollout_ = std::move(machine);
  rollout_services_ = publisher_.Stage(compiled, VersionOf(rollout_->state().revision()), rollout_->cohort());
  if (settings_.fleet != nullptr) ChooseAgents(LookAtFleet().agents);
}

rollout::Observation Control::LookAtFleet() const {
  return settings_.fleet->Look(rollout_->cohort(), VersionOf(rollout_->state().revision()));
}

// After a restart: everybody else gets the base again, the cohort the candidate; the stage begins again.
Status Control::ResumeRollout(const store::Rollout& kept) {
  auto state = StateOf(kept);
  if (!state) return state.error();
  auto machine = rollout::Machine::Make(std::move(*state), settings_.clock());
  if (!machine) return machine.error();
  const auto image = store_.At(machine->state().base());
  if (!image) return image.error();
  const auto entries = Parse(*image);
  if (!entries) return entries.error();
  const auto base = Compile(EditsBetween({}, *entries), nullptr);
  if (!base) return base.error();
  const auto candidate = Compile(EditsBetween(*entries, entries_), nullptr);
  if (!candidate) return candidate.error();
  publisher_.Release(*base, VersionOf(machine->state().base()));
  BeginRollout(std::move(*machine), *candidate);
  TellRollout(false, "RolloutResumed", "goes on at stage " + std::to_string(rollout_->state().stage()));
  return {};
}

bool Control::RollingOut() const {
  const std::lock_guard lock(mutex_);
  return rollout_.has_value();
}

void Control::WatchRollout() {
  const std::lock_guard lock(mutex_);
  WatchRolloutLocked();
}

void Control::WatchRolloutLocked() {
  if (!rollout_ || settings_.fleet == nullptr) return;
  const rollout::Observation seen = LookAtFleet();
  ChooseAgents(seen.agents);
  switch (rollout_->Look(seen, settings_.clock())) {
    case rollout::Step::kStay: return;
    case rollout::Step::kBake: settings_.fleet->Measure(rollout_services_); break;
    case rollout::Step::kAdvance:
      publisher_.Widen(rollout_->cohort());
      settings_.fleet->Measure({});
      TellRollout(false, "RolloutAdvanced", "is at stage " + std::to_string(rollout_->state().stage()));
      ChooseAgents(LookAtFleet().agents);
      break;
    case rollout::Step::kComplete: return Complete();
    case rollout::Step::kRollBack: return TakeBack();
  }
  if (auto ok = KeepRollout(rollout_->state(), false); !ok)
    log::Warn("the rollout's state was not kept", {{"error", ok.error().Text()}});
}

// A stage that counts agents has as many connected ones, others in place of those that went away.
void Control::ChooseAgents(std::size_t connected) {
  const std::size_t wanted = rollout_->wanted();
  const rollout::Cohort cohort = rollout_->cohort();
  if (connected >= wanted || cohort.nodes.size() >= wanted + kSpareAgents) return;
  const auto chosen = settings_.fleet->Choose(wanted - connected, cohort, rollout_services_);
  for (const std::string& node : chosen) rollout_->AddNode(node);
  if (!chosen.empty()) publisher_.Widen(rollout_->cohort());
}

void Control::Complete() {
  rollout::Machine ended = *rollout_;
  ended.Ended("completed", UnixMs(settings_.wall_clock()), 0);
  if (auto ok = KeepRollout(ended.state(), true); !ok)
    return log::Warn("the rollout cannot end yet", {{"error", ok.error().Text()}});
  publisher_.Promote();
  EndRollout(false, "RolloutCompleted", "is what every agent is served");
}

void Control::TakeBack() {
  rollout::Machine ended = *rollout_;
  const bool aborted = ended.state().reason() == "Aborted";
  const std::uint64_t next = store_.version().revision + 1;
  ended.Ended(aborted ? "aborted" : "rolled_back", UnixMs(settings_.wall_clock()), next);
  if (auto ok = WriteBase(ended.state()); !ok)
    return log::Warn("the rollout cannot be taken back yet", {{"error", ok.error().Text()}});
  EndRollout(true, aborted ? "RolloutAborted" : "RolloutRolledBack",
             "was taken back as revision " + std::to_string(next) + ": " + ended.state().message());
}

// A new revision with the base's content: agents that hold the candidate never go back to an older one.
Status Control::WriteBase(const v1::Rollout& ended) {
  auto draft = DraftOfPast(ended.base());
  if (!draft) return draft.error();
  draft->write.text = "# takes back revision " + std::to_string(ended.revision()) + "\n";
  draft->write.ends = store::Rollout{ended.revision(), JsonOf(ended)};
  const Principal principal{ended.principal() + " (rollout)", auth::Role::kEditor};
  const auto done = Finish(std::move(*draft), principal, false);
  return done ? Status() : done.error();
}

void Control::EndRollout(bool warning, const char* reason, const std::string& message) {
  TellRollout(warning, reason, message);
  settings_.fleet->Measure({});
  rollout_.reset();
}

Status Control::KeepRollout(const v1::Rollout& state, bool everybody) {
  return store_.PutRollout({state.revision(), JsonOf(state)}, everybody);
}

void Control::TellRollout(bool warning, const char* reason, const std::string& message) {
  const std::string revision = std::to_string(rollout_->state().revision());
  log::Info("rollout", {{"revision", rollout_->state().revision()}, {"event", reason}, {"message", message}});
  events::Note(settings_.events, warning, reason, {"Revision", "", revision},
               "revision " + revision + " " + message);
}

Result<v1::Rollout> Control::RolloutNow(const store::Rollout& kept) const {
  if (rollout_ && rollout_->state().revision() == kept.revision) return rollout_->state();
  return StateOf(kept);
}

Result<v1::ListRolloutsResponse> Control::ListRollouts(const Principal&,
                                                       const v1::ListRolloutsRequest& request) const {
  const std::lock_guard lock(mutex_);
  const auto kept = store_.Rollouts(request.limit() == 0 ? 20 : std::min(request.limit(), 1000U));
  if (!kept) return kept.error();
  v1::ListRolloutsResponse response;
  for (const store::Rollout& one : *kept) {
    auto state = RolloutNow(one);
    if (!state) return state.error();
    *response.add_rollouts() = std::move(*state);
  }
  return response;
}

Result<v1::Rollout> Control::GetRollout(const Principal&, const v1::GetRolloutRequest& request) const {
  const std::lock_guard lock(mutex_);
  return FindRollout(request.revision());
}

Result<v1::Rollout> Control::FindRollout(std::uint64_t revision) const {
  if (revision == 0) {
    const auto newest = store_.Rollouts(1);
    if (!newest) return newest.error();
    if (newest->empty())
      return Error{ErrorKind::kNotFound, "nothing was rolled out in stages", "revision", {}};
    return RolloutNow(newest->front());
  }
  const auto kept = store_.RolloutOf(revision);
  if (!kept) return Error{kept.error().kind, kept.error().detail, "revision", {}};
  return RolloutNow(*kept);
}

Result<v1::Rollout> Control::SteerRollout(const Principal& principal,
                                          const v1::SteerRolloutRequest& request) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t named = request.revision();
  if (!rollout_ || (named != 0 && named != rollout_->state().revision())) return NoneRuns(named);
  const std::uint64_t revision = rollout_->state().revision();
  if (auto ok = Steer(*rollout_, request, principal.name); !ok) return ok.error();
  TellRollout(false, "RolloutSteered", request.action() + " by " + principal.name);
  if (auto ok = KeepRollout(rollout_->state(), false); !ok) return ok.error();
  WatchRolloutLocked();
  return FindRollout(revision);
}

}  // namespace weft::api
