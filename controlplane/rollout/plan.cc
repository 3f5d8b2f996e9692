#include "controlplane/rollout/plan.h"

#include <algorithm>
#include <charconv>

#include "common/net/key.h"

namespace weft::rollout {
namespace {

constexpr std::uint32_t kEverybody = 10'000;
constexpr std::int64_t kDefaultMs = 30'000, kHourMs = 3'600'000, kDayMs = 24 * kHourMs;

template <class Number>
bool ReadNumber(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

Error WrongStage(const std::string& text, const std::string& field) {
  return {ErrorKind::kInvalid,
          "'" + text +
              "' is no stage; write a number of agents (1), a share (10%), a label selector (zone=a) or all",
          field,
          {}};
}

Result<Stage> ReadShare(const std::string& text, const std::string& field) {
  double percent = 0;
  if (!ReadNumber(std::string_view(text).substr(0, text.size() - 1), percent) || !(percent >= 0.01) ||
      percent > 100)
    return Error{ErrorKind::kInvalid, "'" + text + "' must be from 0.01% to 100%", field, {}};
  return Stage(Share{static_cast<std::uint32_t>(percent * 100 + 0.5)});
}

Result<Stage> ReadStage(const std::string& text, const std::string& field) {
  if (text == "all") return Stage(Share{kEverybody});
  if (text.ends_with('%')) return ReadShare(text, field);
  std::size_t agents = 0;
  if (ReadNumber(std::string_view(text), agents)) {
    if (agents == 0 || agents > 1000) return Error{ErrorKind::kInvalid, "count 1 to 1000 agents", field, {}};
    return Stage(Count{agents});
  }
  if (text.find_first_of("=!( ") == std::string::npos) return WrongStage(text, field);
  auto selector = resource::Selector::ParseLabels(text, field);
  if (!selector) return selector.error();
  return Stage(std::move(*selector));
}

bool IsEverybody(const Stage& stage) {
  const Share* share = std::get_if<Share>(&stage);
  return share != nullptr && share->of_10000 == kEverybody;
}

Result<Duration> ReadTime(std::int64_t ms, std::int64_t least, std::int64_t most, const char* field) {
  if (ms >= least && ms <= most) return Duration(std::chrono::milliseconds(ms));
  return Error{ErrorKind::kInvalid,
               "must be from " + std::to_string(least) + " ms to " + std::to_string(most / 1000) + " s",
               field,
               {}};
}

bool Matches(const resource::Selector& selector, const v1::Agent& agent) {
  return selector.Matches([&agent](const std::string& key) -> const std::string* {
    for (const v1::Label& label : agent.labels()) {
      if (label.name() == key) return &label.value();
    }
    return nullptr;
  });
}

}  // namespace

Result<Plan> ReadPlan(v1::RolloutPlan& plan) {
  if (plan.stages().empty())
    plan = [&] {
      v1::RolloutPlan usual = PlanOf("1,10%,all");
      usual.MergeFrom(plan);
      return usual;
    }();
  Plan out;
  for (int i = 0; i < plan.stages_size(); ++i) {
    const std::string field = "rollout.stages[" + std::to_string(i) + "]";
    auto stage = ReadStage(plan.stages(i), field);
    if (!stage) return stage.error();
    if (!out.stages.empty() && IsEverybody(out.stages.back()))
      return Error{ErrorKind::kInvalid, "nothing can come after all agents", field, {}};
    out.stages.push_back(std::move(*stage));
  }
  if (!IsEverybody(out.stages.back())) {
    plan.add_stages("all");
    out.stages.emplace_back(Share{kEverybody});
  }
  if (out.stages.size() > kMaxStages) return Invalid("at most 20 stages", "rollout.stages");
  if (!plan.has_bake_ms()) plan.set_bake_ms(kDefaultMs);
  if (!plan.has_converge_ms()) plan.set_converge_ms(kDefaultMs);
  const auto bake = ReadTime(plan.bake_ms(), 0, kDayMs, "rollout.bake");
  if (!bake) return bake.error();
  const auto converge = ReadTime(plan.converge_ms(), 1, kHourMs, "rollout.converge");
  if (!converge) return converge.error();
  out.bake = *bake;
  out.converge = *converge;
  return out;
}

v1::RolloutPlan PlanOf(std::string_view stages) {
  v1::RolloutPlan plan;
  const char separator = stages.find(';') == std::string_view::npos ? ',' : ';';
  while (!stages.empty()) {
    const auto end = std::min(stages.find(separator), stages.size());
    plan.add_stages(std::string(stages.substr(0, end)));
    stages.remove_prefix(std::min(end + 1, stages.size()));
  }
  return plan;
}

bool Cohort::Has(const v1::Agent& agent) const {
  if (of_10000 == kEverybody) return true;
  if (nodes.contains(agent.node_id())) return true;
  if (HashBytes(salt + agent.node_id()) % kEverybody < of_10000) return true;
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const resource::Selector& selector) { return Matches(selector, agent); });
}

Cohort CohortOf(const Plan& plan, std::size_t stages, const v1::Rollout& rollout) {
  Cohort cohort{
      std::to_string(rollout.revision()) + "/", {rollout.nodes().begin(), rollout.nodes().end()}, 0, {}};
  for (std::size_t i = 0; i < stages && i < plan.stages.size(); ++i) {
    if (const auto* share = std::get_if<Share>(&plan.stages[i]))
      cohort.of_10000 = std::max(cohort.of_10000, share->of_10000);
    if (const auto* selector = std::get_if<resource::Selector>(&plan.stages[i]))
      cohort.selectors.push_back(*selector);
  }
  return cohort;
}

}  // namespace weft::rollout
