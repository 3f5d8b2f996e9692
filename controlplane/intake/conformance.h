#pragma once
// What every source of services must do. Include in one *_test.cc of its folder and instantiate with a maker
// of worlds (scene.h).

#include "controlplane/intake/scene.h"

namespace weft::intake {

class SourceConformance : public testing::TestWithParam<MakeWorld> {
 protected:
  void SetUp() override {
    world->Connect(scene);
    AddPair();
  }
  void TearDown() override { world->Disconnect(); }

  void AddPair() {
    world->Put({"cart", "a", 8001});
    world->Put({"cart", "b", 8002});
  }
  void Turn() {
    world->Turn();
    scene.life->registrar.Tick();
    scene.control().ExpireLeases();
  }
  // Real time only bounds the wait.
  bool Comes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      Turn();
    }
    return true;
  }
  bool BothCome() {
    return Comes([&] { return scene.At("cart", 8001) && scene.At("cart", 8002); });
  }
  void Pass(Duration span) {  // of simulated time, in small steps
    for (Duration left = span; left > Duration::zero(); left -= std::chrono::seconds(10)) {
      scene.Advance(std::chrono::seconds(10));
      Turn();
    }
  }
  std::optional<sources::Look> Look() { return scene.life->board.Find(world->owner()); }
  bool IsDown() { return Look() && !Look()->up; }

  Scene scene;
  std::unique_ptr<World> world = GetParam()();
};

TEST_P(SourceConformance, WhatIsAddedIsInTheRegistryAndBelongsToItsSource) {
  ASSERT_TRUE(BothCome());
  EXPECT_EQ(scene.Service("cart").source(), world->owner());
  EXPECT_EQ(scene.At("cart", 8001)->instance().address(), "127.0.0.1");
  if (world->is_endpoints() && world->survives()) {
    EXPECT_EQ(scene.At("cart", 8001)->source(), world->owner());
  }
  if (!Look()) return;  // leases have no source that could be away
  EXPECT_TRUE(Look()->up);
  EXPECT_EQ(Look()->services, 1U);
  EXPECT_EQ(Look()->instances, 2U);
}

TEST_P(SourceConformance, AChangedInstanceKeepsItsId) {
  ASSERT_TRUE(BothCome());
  const std::string id = scene.At("cart", 8001)->instance().id();
  world->Put({"cart", "a", 8011});
  ASSERT_TRUE(Comes([&] { return scene.At("cart", 8011).has_value(); }));
  EXPECT_TRUE(Comes([&] { return !scene.At("cart", 8001); }));
  EXPECT_TRUE(scene.At("cart", 8002));
  if (world->has_uids()) {
    EXPECT_EQ(scene.At("cart", 8011)->instance().id(), id);
  }
}

TEST_P(SourceConformance, ADrainingInstanceIsKeptAndGetsNoNewRequests) {
  if (!world->drains()) GTEST_SKIP() << world->owner() << " cannot say it";
  ASSERT_TRUE(BothCome());
  world->Put({"cart", "a", 8001, Placed::State::kDraining});
  EXPECT_TRUE(Comes([&] {
    const auto one = scene.At("cart", 8001);
    return one && (one->instance().draining() || one->instance().weight() == 0);
  }));
  world->Put({"cart", "a", 8001});
  EXPECT_TRUE(Comes([&] {
    const auto one = scene.At("cart", 8001);
    return one && !one->instance().draining() && one->instance().weight() > 0;
  }));
}

TEST_P(SourceConformance, ARemovedInstanceGoesAndOthersStay) {
  ASSERT_TRUE(BothCome());
  const std::uint64_t revision = scene.store->version().revision;
  world->Remove("cart", "a");
  EXPECT_TRUE(Comes([&] { return !scene.At("cart", 8001); }));
  EXPECT_TRUE(scene.At("cart", 8002));
  if (world->is_endpoints()) {
    EXPECT_EQ(scene.store->version().revision, revision) << "instances are no configuration";
  }
}

TEST_P(SourceConformance, TheLastInstanceGoesAndTheServiceComesBackWithTheNext) {
  ASSERT_TRUE(BothCome());
  world->Remove("cart", "a");
  world->Remove("cart", "b");
  EXPECT_TRUE(Comes([&] { return scene.Instances("cart").empty(); }));
  world->Put({"cart", "c", 8003});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8003).has_value(); }));
}

TEST_P(SourceConformance, ASecondServiceIsOneOfItsOwn) {
  ASSERT_TRUE(BothCome());
  world->Put({"pay", "p", 9001});
  ASSERT_TRUE(Comes([&] { return scene.At("pay", 9001).has_value(); }));
  EXPECT_EQ(scene.Instances("cart").size(), 2U);
}

TEST_P(SourceConformance, WhileTheSourceIsAwayTheLastKnownStaysAndIsMarked) {
  ASSERT_TRUE(BothCome());
  world->GoDown();
  if (!world->survives()) {  // leases: whoever does not renew is gone, that is what they are for
    Pass(std::chrono::minutes(10));
    EXPECT_TRUE(scene.Instances("cart").empty());
    return;
  }
  ASSERT_TRUE(Comes([&] { return IsDown(); }));
  Pass(std::chrono::minutes(10));
  EXPECT_TRUE(scene.At("cart", 8001));
  EXPECT_TRUE(scene.At("cart", 8002));
  EXPECT_TRUE(scene.Has("cart", "Stale"));
  EXPECT_FALSE(Look()->problem.empty());
  EXPECT_GE(scene.Now() - Look()->since, std::chrono::minutes(9));
  if (world->is_endpoints()) {
    EXPECT_GE(scene.At("cart", 8001)->stale_ms(), 9 * 60'000);
  }
  world->ComeBack();
  ASSERT_TRUE(Comes([&] { return !IsDown(); }));
  EXPECT_FALSE(scene.Has("cart", "Stale"));
  world->Put({"cart", "c", 8003});
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8003).has_value(); }));
}

TEST_P(SourceConformance, WhatChangedWhileTheSourceWasAwayIsSeenAfterwards) {
  if (!world->survives()) GTEST_SKIP() << "nothing is away";
  ASSERT_TRUE(BothCome());
  world->GoDown();
  ASSERT_TRUE(Comes([&] { return IsDown(); }));
  world->Remove("cart", "a");
  world->Put({"cart", "c", 8003});
  world->ComeBack();
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8003) && !scene.At("cart", 8001); }));
  EXPECT_TRUE(scene.At("cart", 8002));
}

TEST_P(SourceConformance, ARestartWithoutTheSourceServesTheLastKnown) {
  ASSERT_TRUE(BothCome());
  world->GoDown();
  world->Disconnect();
  scene.Restart();
  EXPECT_TRUE(scene.At("cart", 8001));
  EXPECT_TRUE(scene.At("cart", 8002));
  world->Connect(scene);
  Turn();
  EXPECT_TRUE(scene.At("cart", 8001));
  if (world->survives()) {
    EXPECT_TRUE(scene.Has("cart", "Stale"));
  }
  const std::string id = scene.At("cart", 8001)->instance().id();
  world->ComeBack();
  EXPECT_TRUE(Comes([&] { return !IsDown(); }));
  ASSERT_TRUE(scene.At("cart", 8001));
  EXPECT_EQ(scene.At("cart", 8001)->instance().id(), id);
}

TEST_P(SourceConformance, AFlappingInstanceIsDamped) {
  if (!world->is_endpoints() || !world->survives()) GTEST_SKIP() << "not damped: " << world->owner();
  ASSERT_TRUE(BothCome());
  for (int i = 0; i < 4; ++i) {
    world->Remove("cart", "a");
    ASSERT_TRUE(Comes([&] { return !scene.At("cart", 8001) || scene.Has("cart", "Flapping"); }));
    world->Put({"cart", "a", 8001});
    ASSERT_TRUE(Comes([&] { return scene.At("cart", 8001) || scene.Has("cart", "Flapping"); }));
  }
  ASSERT_TRUE(Comes([&] { return scene.Has("cart", "Flapping"); }));
  EXPECT_FALSE(scene.At("cart", 8001));
  EXPECT_TRUE(scene.At("cart", 8002));
  Pass(std::chrono::minutes(4));
  EXPECT_TRUE(Comes([&] { return scene.At("cart", 8001).has_value(); }));
  EXPECT_FALSE(scene.Has("cart", "Flapping"));
}

TEST_P(SourceConformance, AServiceOfAnotherOwnerIsConflictedUntilThatOneLetsItGo) {
  if (world->owner() == api::kApiOwner) GTEST_SKIP() << "it is that other owner";
  ASSERT_TRUE(scene.PutByApi("pay"));
  world->Put({"pay", "p", 9001});
  ASSERT_TRUE(Comes([&] { return scene.Has("pay", "Conflicted"); }));
  EXPECT_EQ(scene.Service("pay").source(), "api");
  EXPECT_FALSE(scene.At("pay", 9001));
  ASSERT_TRUE(BothCome()) << "the rest of the source is not held up";
  scene.DeleteByApi("pay");
  ASSERT_TRUE(Comes([&] { return scene.At("pay", 9001).has_value(); }));
  EXPECT_EQ(scene.Service("pay").source(), world->owner());
  EXPECT_FALSE(scene.Has("pay", "Conflicted"));
}

TEST_P(SourceConformance, NobodyElseChangesWhatItOwns) {
  if (world->owner() == api::kApiOwner) GTEST_SKIP() << "it is that other owner";
  ASSERT_TRUE(BothCome());
  const Status refused = scene.PutByApi("cart");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_NE(refused.error().detail.find(world->owner()), std::string::npos) << refused.error().Text();
}

}  // namespace weft::intake
