#include "agent/whatif/whatif.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "agent/simulate/agent.h"
#include "agent/simulate/world.h"
#include "tests/support/effort.h"

namespace weft::whatif {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A world with a recorder: a minute in which one instance fails a third of its answers and the whole service
// fails half of them for ten seconds.
struct Recorded {
  Recording recording;
  simulate::Counts counts;
  std::uint64_t opened = 0, ejected = 0;
};

policy::ServicePolicy Calm() {
  policy::ServicePolicy policy;
  policy.circuit_breaker.failure_threshold = 3000;
  policy.circuit_breaker.adaptive = false;
  policy.circuit_breaker.open_duration = seconds(2);
  policy.circuit_breaker.fixed_open = true;  // scouts come back by chance, and chance cannot be predicted
  policy.outlier_detection.consecutive_failures = 30;
  policy.timeouts.attempt = seconds(1);
  return policy;
}

policy::PolicySpec Nervous() {
  policy::PolicySpec spec;
  spec.circuit_breaker.failure_threshold = 20;
  spec.outlier_detection.consecutive_failures = 3;
  return spec;
}

std::string Folder() {
  std::string name = std::filesystem::temp_directory_path() / "weft-whatif-XXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  return name;
}

Recorded Record(const policy::ServicePolicy& policy, std::uint64_t seed = 3) {
  const std::string folder = Folder();
  Recorded made;
  {
    auto recorder = decision::FileRecorder::Open(folder + "/log", std::uint64_t{256} << 20);
    EXPECT_TRUE(recorder);
    simulate::World world({.seed = seed, .work = {simulate::Work::Shape::kLogNormal, milliseconds(10), 0.5}});
    for (int i = 0; i < 5; ++i) world.AddServer({simulate::Model::Kind::kDelay});
    const simulate::Cart cart = simulate::MakeCart(5, policy);
    world.AddClient(
        std::make_unique<simulate::Agent>(simulate::AgentSettings{.seed = seed, .recorder = recorder->get()},
                                          cart.snapshot, cart.servers, &world.tally(), world.now()));
    world.SetRate(200);
    world.At(seconds(10), [&] { world.server(2).behaviour.error_rate = 0.35; });
    for (std::size_t i = 0; i < 5; ++i) {
      world.At(seconds(30), [&world, i] { world.server(i).behaviour.error_rate = 0.5; });
      world.At(seconds(40), [&world, i] { world.server(i).behaviour = {}; });
    }
    world.Run(seconds(60));
    world.SetRate(0);
    world.Run(seconds(5));
    made.counts = world.tally().counts();
    for (const simulate::Change& change : world.tally().changes()) made.ejected += change.to == "ejected";
    auto& agent = dynamic_cast<simulate::Agent&>(world.client(0));
    made.opened = agent.shared().Backend({{"local", "default", "cart"}, 80})->circuit.counts().opened;
  }
  Result<Recording> read = ReadRecording(folder + "/log");
  EXPECT_TRUE(read) << read.error().Text();
  made.recording = std::move(*read);
  std::filesystem::remove_all(folder);
  return made;
}

const Recorded& CalmOne() {
  static const Recorded made = Record(Calm());
  return made;
}

TEST(WhatIfTest, WithoutAChangeEverythingComesOutAsRecordedAndExact) {
  const Recorded& made = CalmOne();
  const Side side = whatif::Run(made.recording, nullptr);
  EXPECT_EQ(side.elsewhere.all(), 0u);
  EXPECT_EQ(side.requests.modelled, 0u);
  EXPECT_EQ(side.requests.exact, made.counts.requests);
  EXPECT_EQ(side.good.exact, made.counts.good);
  EXPECT_EQ(side.refused.exact, made.counts.refused);
  EXPECT_EQ(side.retries.exact, made.counts.retries);
  EXPECT_EQ(side.opened.all(), made.opened);
  EXPECT_EQ(side.ejected.all(), made.ejected);
}

// What the same world does under the changed policy is what really would have happened. A single one has too
// few ejections to compare, so three are.
constexpr std::uint64_t kSeeds = 1 + support::Steps(2);

TEST(WhatIfTest, PredictsOpeningsEjectionsAndRefusalsOfARerunWithinAFifth) {
  policy::ServiceBundle bundle;
  bundle.policy = Calm();
  Overlay(Nervous(), bundle);
  std::uint64_t opened[3] = {}, ejected[2] = {}, refused[2] = {};
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Recorded made = Record(Calm(), seed);
    const Side predicted =
        whatif::Run(made.recording, [](policy::ServiceBundle& b) { Overlay(Nervous(), b); });
    const Recorded rerun = Record(bundle.policy, seed);
    EXPECT_GT(predicted.requests.modelled, 0u);
    EXPECT_EQ(predicted.requests.all(), made.counts.requests);
    opened[0] += predicted.opened.all(), opened[1] += rerun.opened, opened[2] += made.opened;
    ejected[0] += predicted.ejected.all(), ejected[1] += rerun.ejected;
    refused[0] += predicted.refused.all(), refused[1] += rerun.counts.refused;
  }
  if (kSeeds < 3) return;
  ASSERT_GT(opened[1], opened[2]) << "the change changes something";
  ASSERT_GT(refused[1], 500u);
  const auto within = [](const std::uint64_t* each) {
    const auto is = static_cast<double>(each[0]), should = static_cast<double>(each[1]);
    EXPECT_LE(std::abs(is - should), std::max(1.0, 0.2 * should)) << is << " against " << should;
  };
  within(opened);
  within(ejected);
  within(refused);
}

TEST(WhatIfTest, AnAttemptTimeoutCutsWhatTookLonger) {
  const Recorded& made = CalmOne();
  policy::PolicySpec spec;
  spec.timeouts.attempt = milliseconds(8);
  spec.circuit_breaker.enabled = false;
  spec.outlier_detection.enabled = false;
  const Side side =
      whatif::Run(made.recording, [&](policy::ServiceBundle& bundle) { Overlay(spec, bundle); });
  EXPECT_GT(side.retries.all(), 1000u);
  EXPECT_GT(side.requests.modelled, 1000u);
}

TEST(OverlayTest, TakesWhatWasWrittenAndLeavesWhatARouteHasOfItsOwn) {
  policy::ServiceBundle bundle;
  policy::Route& route = bundle.routes.emplace_back();
  route.rules.resize(2);
  route.rules[1].retry.attempts = 5;
  policy::PolicySpec spec;
  spec.retry.attempts = 1;
  spec.circuit_breaker.open_duration = seconds(7);
  Overlay(spec, bundle);
  EXPECT_EQ(bundle.policy.retry.attempts, 1u);
  EXPECT_EQ(route.rules[0].retry.attempts, 1u);
  EXPECT_EQ(route.rules[1].retry.attempts, 5u);
  EXPECT_TRUE(bundle.policy.circuit_breaker.fixed_open);
  EXPECT_EQ(bundle.policy.circuit_breaker.failure_threshold, policy::CircuitBreaker{}.failure_threshold);
}

TEST(RecordingTest, FilesThatAreNotThereAreNamed) {
  const Result<Recording> read = ReadRecording("/nowhere/log");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().Text().find("/nowhere/log.inputs"), std::string::npos) << read.error().Text();
}

}  // namespace
}  // namespace weft::whatif
