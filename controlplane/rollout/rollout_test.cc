#include <gtest/gtest.h>

#include "controlplane/rollout/machine.h"
#include "controlplane/rollout/meter.h"

namespace weft::rollout {
namespace {

using std::chrono::seconds;
constexpr TimePoint kStart = TimePoint(seconds(100));

v1::Agent AgentOf(const std::string& id, const std::string& zone = {}) {
  v1::Agent agent;
  agent.set_node_id(id);
  if (!zone.empty()) {
    v1::Label& label = *agent.add_labels();
    label.set_name("zone");
    label.set_value(zone);
  }
  return agent;
}

Traffic TrafficOf(std::uint64_t requests, std::uint64_t failures, std::uint64_t us = 1000) {
  Traffic traffic{requests, failures, {}};
  for (std::uint64_t i = 0; i < requests; ++i) traffic.latency.Add(us + i % 10);
  return traffic;
}

v1::Rollout StateOf(std::string_view stages) {
  v1::Rollout state;
  state.set_revision(7);
  state.set_base(6);
  *state.mutable_plan() = PlanOf(stages);
  return state;
}

TEST(PlanTest, WhatIsLeftOutIsFilledIn) {
  v1::RolloutPlan wire;
  const Plan plan = ReadPlan(wire).value();
  ASSERT_EQ(plan.stages.size(), 3U);
  EXPECT_EQ(std::get<Count>(plan.stages[0]).agents, 1U);
  EXPECT_EQ(std::get<Share>(plan.stages[1]).of_10000, 1000U);
  EXPECT_EQ(std::get<Share>(plan.stages[2]).of_10000, 10'000U);
  EXPECT_EQ(plan.bake, seconds(30));
  EXPECT_EQ(wire.stages_size(), 3);
  wire = PlanOf("zone=a");
  wire.set_bake_ms(0);
  EXPECT_EQ(ReadPlan(wire)->bake, Duration(0));
  EXPECT_EQ(wire.stages(1), "all") << "the last stage is everybody";
}

TEST(PlanTest, SelectorsWithCommasAreSplitAtSemicolons) {
  v1::RolloutPlan wire = PlanOf("zone in (a,b),!legacy;0.5%");
  const Plan plan = ReadPlan(wire).value();
  EXPECT_EQ(std::get<resource::Selector>(plan.stages[0]).terms().size(), 2U);
  EXPECT_EQ(std::get<Share>(plan.stages[1]).of_10000, 50U);
}

TEST(PlanTest, NonsenseNamesItsStage) {
  for (const auto& [text, field] : {std::pair{"1,0", "rollout.stages[1]"},
                                    {"canary", "rollout.stages[0]"},
                                    {"101%", "rollout.stages[0]"},
                                    {"nan%", "rollout.stages[0]"},
                                    {"all,1", "rollout.stages[1]"},
                                    {"zone in (a", "rollout.stages[0]"}}) {
    v1::RolloutPlan wire = PlanOf(text);
    const auto plan = ReadPlan(wire);
    ASSERT_FALSE(plan) << text;
    EXPECT_EQ(plan.error().field, field) << text;
  }
  v1::RolloutPlan wire;
  wire.set_converge_ms(0);
  EXPECT_EQ(ReadPlan(wire).error().field, "rollout.converge");
}

TEST(CohortTest, AShareTakesAboutAsManyAndOnlyGrows) {
  v1::Rollout state = StateOf("10%,50%");
  const Plan plan = ReadPlan(*state.mutable_plan()).value();
  const Cohort small = CohortOf(plan, 1, state), large = CohortOf(plan, 2, state),
               all = CohortOf(plan, 3, state);
  int in_small = 0, in_large = 0;
  for (int i = 0; i < 10'000; ++i) {
    const v1::Agent agent = AgentOf("pod-" + std::to_string(i));
    in_small += small.Has(agent);
    in_large += large.Has(agent);
    EXPECT_TRUE(!small.Has(agent) || large.Has(agent));
    EXPECT_TRUE(all.Has(agent));
  }
  EXPECT_NEAR(in_small, 1000, 150);
  EXPECT_NEAR(in_large, 5000, 250);
}

TEST(CohortTest, LabelsAndChosenNodesBelong) {
  v1::Rollout state = StateOf("1,zone=a");
  state.add_nodes("chosen");
  const Plan plan = ReadPlan(*state.mutable_plan()).value();
  const Cohort first = CohortOf(plan, 1, state), second = CohortOf(plan, 2, state);
  EXPECT_TRUE(first.Has(AgentOf("chosen")));
  EXPECT_FALSE(first.Has(AgentOf("other", "a")));
  EXPECT_TRUE(second.Has(AgentOf("other", "a")));
  EXPECT_FALSE(second.Has(AgentOf("other", "b")));
}

TEST(GateTest, ClearlyMoreFailuresHaltAndChanceDoesNot) {
  EXPECT_EQ(Judge(TrafficOf(100, 20), TrafficOf(10'000, 10))->code, "HighErrorRate");
  EXPECT_FALSE(Judge(TrafficOf(100, 2), TrafficOf(10'000, 100))) << "2 of 100 is chance at 1 %";
  EXPECT_FALSE(Judge(TrafficOf(19, 19), TrafficOf(10'000, 0))) << "too few to judge";
  EXPECT_FALSE(Judge(TrafficOf(100'000, 900), TrafficOf(100'000, 500))) << "significant, and a trifle";
  EXPECT_FALSE(Judge(TrafficOf(1000, 400), TrafficOf(1000, 390))) << "it was bad before";
}

TEST(GateTest, AloneFivePercentIsTooMuch) {
  EXPECT_FALSE(Judge(TrafficOf(100, 4), {}));
  EXPECT_EQ(Judge(TrafficOf(100, 6), {})->code, "HighErrorRate");
}

TEST(GateTest, AClearlyLongerTailHalts) {
  const auto verdict = Judge(TrafficOf(100, 0, 50'000), TrafficOf(1000, 0, 10'000));
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->code, "HighLatency");
  EXPECT_FALSE(Judge(TrafficOf(100, 0, 5000), TrafficOf(1000, 0, 1000))) << "4 ms more are no harm";
  EXPECT_FALSE(Judge(TrafficOf(49, 0, 50'000), TrafficOf(1000, 0, 10'000)));
}

TEST(MeterTest, CountsTheServicesThatChangeByWhoAppliesThem) {
  Meter meter({{"local", "default", "cart"}}, kStart);
  meter.SetMembers({"a"});
  v1::AgentReport report;
  for (const char* name : {"cart", "other"}) {
    v1::Edge& edge = *report.add_edges();
    edge.mutable_service()->set_namespace_("default");
    edge.mutable_service()->set_name(name);
    edge.set_requests(10);
    edge.set_failures(1);
    edge.mutable_latency()->add_index(stats::Histogram::IndexOf(2000));
    edge.mutable_latency()->add_count(10);
  }
  report.set_interval_ns(std::chrono::nanoseconds(std::chrono::seconds(1)).count());
  const TimePoint second = kStart + std::chrono::seconds(1);
  meter.Add("a", report, second);
  meter.Add("b", report, second);
  meter.Add("c", report, second + std::chrono::seconds(5));
  meter.Add("a", report, second - std::chrono::milliseconds(1));  // began before
  EXPECT_EQ(meter.candidate().requests, 10U);
  EXPECT_EQ(meter.candidate().failures, 1U);
  EXPECT_EQ(meter.others().requests, 20U);
  EXPECT_NEAR(meter.candidate().P95Ms(), 2.0, 0.05);
}

class MachineTest : public testing::Test {
 protected:
  void Begin(std::string_view stages = "1,10%") { machine = Machine::Make(StateOf(stages), kStart).value(); }
  Step Look(const Observation& seen) { return machine->Look(seen, now); }
  static Observation All(std::uint32_t agents, Traffic candidate = {}, Traffic others = {}) {
    return {100, agents, agents, {}, candidate, others};
  }

  std::optional<Machine> machine;
  TimePoint now = kStart;
};

TEST_F(MachineTest, AGoodOneGoesThroughItsStages) {
  Begin();
  EXPECT_EQ(machine->wanted(), 1U);
  EXPECT_EQ(Look({100, 1, 0, {}, {}, {}}), Step::kStay) << "not yet applied";
  EXPECT_EQ(Look(All(1)), Step::kBake);
  now += seconds(29);
  EXPECT_EQ(Look(All(1)), Step::kStay);
  now += seconds(1);
  EXPECT_EQ(Look(All(1, TrafficOf(100, 0), TrafficOf(100, 0))), Step::kAdvance);
  EXPECT_EQ(machine->wanted(), 0U) << "a share counts nobody";
  EXPECT_EQ(Look(All(11)), Step::kBake);
  now += seconds(30);
  EXPECT_EQ(Look(All(11)), Step::kAdvance);
  EXPECT_EQ(Look(All(100)), Step::kBake);
  now += seconds(30);
  EXPECT_EQ(Look(All(100)), Step::kComplete);
  EXPECT_EQ(machine->state().evidence_size(), 3);
}

TEST_F(MachineTest, ARefusalRollsBackAtOnceAndIsNamed) {
  Begin();
  EXPECT_EQ(Look({100, 1, 0, {"pod-1: default/cart: routes[0]: wrong"}, {}, {}}), Step::kRollBack);
  EXPECT_EQ(machine->state().reason(), "Refused");
  EXPECT_NE(machine->state().message().find("pod-1: default/cart"), std::string::npos);
  EXPECT_EQ(Look(All(1)), Step::kRollBack) << "until it is done";
}

TEST_F(MachineTest, WhatDoesNotConvergeRollsBack) {
  Begin();
  now += seconds(30);
  EXPECT_EQ(Look({100, 2, 1, {}, {}, {}}), Step::kRollBack);
  EXPECT_EQ(machine->state().reason(), "NotConverged");
  Begin("zone=a");
  EXPECT_EQ(Look({100, 0, 0, {}, {}, {}}), Step::kRollBack);
  EXPECT_EQ(machine->state().reason(), "NoAgents");
}

TEST_F(MachineTest, FailuresHaltEvenWhilePausedAndTheLastStageIsComparedWithTheOthersBefore) {
  Begin("50%");
  EXPECT_EQ(Look(All(50)), Step::kBake);
  now += seconds(30);
  EXPECT_EQ(Look(All(50, TrafficOf(1000, 10), TrafficOf(1000, 10))), Step::kAdvance);
  EXPECT_EQ(Look(All(100)), Step::kBake);
  ASSERT_TRUE(machine->Pause());
  EXPECT_EQ(Look(All(100, TrafficOf(1000, 15), {})), Step::kStay);
  EXPECT_EQ(machine->state().others().requests(), 1000U);
  EXPECT_EQ(Look(All(100, TrafficOf(1000, 100), {})), Step::kRollBack);
  EXPECT_EQ(machine->state().reason(), "HighErrorRate");
}

TEST_F(MachineTest, WithoutBakingTrafficDecidesNothing) {
  v1::Rollout state = StateOf("1");
  state.mutable_plan()->set_bake_ms(0);
  machine = Machine::Make(std::move(state), kStart).value();
  EXPECT_EQ(Look(All(1)), Step::kBake);
  EXPECT_EQ(Look(All(1, TrafficOf(100, 100), TrafficOf(1000, 0))), Step::kAdvance);
}

TEST_F(MachineTest, PeoplePauseResumePromoteAndAbort) {
  Begin();
  ASSERT_TRUE(machine->Pause());
  EXPECT_FALSE(machine->Pause());
  EXPECT_EQ(Look(All(1)), Step::kBake);
  now += seconds(300);
  EXPECT_EQ(Look(All(1)), Step::kStay);
  ASSERT_TRUE(machine->Resume());
  EXPECT_EQ(Look(All(1)), Step::kAdvance);
  ASSERT_TRUE(machine->Promote(true));
  EXPECT_EQ(Look({100, 11, 5, {}, {}, {}}), Step::kComplete);
  Begin();
  machine->Abort("ops");
  EXPECT_EQ(Look(All(1)), Step::kRollBack);
  EXPECT_EQ(machine->state().reason(), "Aborted");
  machine->Ended("aborted", 5, 8);
  EXPECT_EQ(machine->state().rolled_back_as(), 8U);
}

TEST_F(MachineTest, AKeptOneBeginsItsStageAgain) {
  Begin();
  Look(All(1));
  now += seconds(30);
  ASSERT_EQ(Look(All(1)), Step::kAdvance);
  machine = Machine::Make(machine->state(), now).value();
  EXPECT_EQ(machine->state().stage(), 2U);
  EXPECT_EQ(Look(All(11)), Step::kBake);
}

}  // namespace
}  // namespace weft::rollout
