#pragma once
// What every implementation of Store must do. Include in a *_test.cc and instantiate with a maker of empty
// stores.

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "controlplane/store/store.h"

namespace weft::store {

using MakeStore = std::function<std::unique_ptr<Store>()>;

class StoreConformance : public testing::TestWithParam<MakeStore> {
 protected:
  std::unique_ptr<Store> store = GetParam()();

  static Key Route(const std::string& name) { return {"HTTPRoute", "default", name}; }
  static Change Put(const std::string& name, const std::string& json) {
    return {Route(name), json, "api", {}, false};
  }
  static Change Delete(const std::string& name) { return {Route(name), std::nullopt, "api", {}, false}; }
  Result<std::uint64_t> Commit(std::vector<Change> changes) {
    return store->Commit({std::move(changes), "tester", "text", {}, {}, {}});
  }
};

TEST_P(StoreConformance, BeginsEmptyWithAnIdentity) {
  EXPECT_EQ(store->version().store_id.size(), 32U);
  EXPECT_GE(store->version().epoch, 1U);
  EXPECT_EQ(store->version().revision, 0U);
  EXPECT_TRUE(store->Head()->resources.empty());
  EXPECT_TRUE(store->History(0, 10)->empty());
  EXPECT_EQ(*store->Released(kDefaultCohort), 0U);
}

TEST_P(StoreConformance, AWriteOfSeveralDocumentsIsOneRevisionAndIsReleased) {
  ASSERT_EQ(*Commit({Put("a", "{1}"), Put("b", "{2}")}), 1U);
  const Image head = store->Head().value();
  ASSERT_EQ(head.resources.size(), 2U);
  EXPECT_EQ(head.revision, 1U);
  EXPECT_EQ(head.resources[0].key, Route("a"));
  EXPECT_EQ(head.resources[1].json, "{2}");
  EXPECT_EQ(head.resources[1].owner, "api");
  EXPECT_EQ(store->version().revision, 1U);
  EXPECT_EQ(*store->Released(kDefaultCohort), 1U);
  EXPECT_EQ(*store->Released("canary"), 1U) << "an unknown cohort follows the default";
}

TEST_P(StoreConformance, ARolloutReleasesToTheCandidatesAloneUntilItIsForEverybody) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  ASSERT_EQ(*store->Commit({{Put("a", "{2}")}, "tester", "", {}, "stage 1", {}}), 2U);
  EXPECT_EQ(*store->Released(kDefaultCohort), 1U);
  EXPECT_EQ(*store->Released(kCandidateCohort), 2U);
  ASSERT_TRUE(store->PutRollout({2, "stage 2"}, false));
  EXPECT_EQ(*store->Released(kDefaultCohort), 1U);
  EXPECT_EQ(store->Rollouts(10).value(), (std::vector<Rollout>{{2, "stage 2"}}));
  EXPECT_EQ(store->RolloutOf(2).value(), (Rollout{2, "stage 2"}));
  EXPECT_EQ(store->RolloutOf(1).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(store->PutRollout({2, "done"}, true));
  EXPECT_EQ(*store->Released(kDefaultCohort), 2U);
  EXPECT_EQ(*store->Released(kCandidateCohort), 2U);
  EXPECT_EQ(store->PutRollout({1, "never"}, true).error().kind, ErrorKind::kNotFound);
}

TEST_P(StoreConformance, AWriteThatTakesARolloutBackIsForEverybody) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  ASSERT_TRUE(store->Commit({{Put("a", "{2}")}, "tester", "", {}, "running", {}}));
  ASSERT_EQ(*store->Commit({{Put("a", "{1}")}, "tester", "", {}, {}, Rollout{2, "rolled back"}}), 3U);
  EXPECT_EQ(*store->Released(kDefaultCohort), 3U);
  EXPECT_EQ(*store->Released(kCandidateCohort), 3U);
  EXPECT_EQ(store->Rollouts(1).value(), (std::vector<Rollout>{{2, "rolled back"}}));
}

TEST_P(StoreConformance, AnEtagIsTheRevisionOfTheLastChange) {
  ASSERT_TRUE(Commit({Put("a", "{1}"), Put("b", "{1}")}));
  ASSERT_TRUE(Commit({Put("b", "{2}")}));
  const Image head = store->Head().value();
  EXPECT_EQ(head.resources[0].revision, 1U);
  EXPECT_EQ(head.resources[1].revision, 2U);
}

TEST_P(StoreConformance, TheHistoryOfOneResourceHoldsItsOwnRevisionsNewestFirst) {
  ASSERT_TRUE(Commit({Put("a", "{1}"), Put("b", "{1}")}));
  ASSERT_TRUE(Commit({Put("b", "{2}")}));
  ASSERT_TRUE(Commit({Delete("a")}));
  ASSERT_TRUE(Commit({Put("a", "{3}")}));
  const auto revisions = [this](std::uint64_t before, std::size_t limit) {
    std::string text;
    for (const Revision& one : store->HistoryOf(Route("a"), before, limit).value())
      text += std::to_string(one.revision) + "/" + std::to_string(one.changed.size()) + " ";
    return text;
  };
  EXPECT_EQ(revisions(0, 10), "4/1 3/1 1/2 ");
  EXPECT_EQ(revisions(4, 1), "3/1 ");
  EXPECT_TRUE(store->HistoryOf(Route("z"), 0, 10)->empty());
}

TEST_P(StoreConformance, AStaleConditionFailsAndLeavesNothingBehind) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  Change stale = Put("a", "{2}");
  stale.if_revision = 7;
  const auto refused = Commit({Put("b", "{1}"), stale});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPreconditionFailed);
  EXPECT_EQ(store->Head()->resources.size(), 1U);
  EXPECT_EQ(store->version().revision, 1U);
  EXPECT_EQ(store->History(0, 10)->size(), 1U);
  EXPECT_EQ(*Commit({Put("b", "{1}")}), 2U) << "revisions have no gaps";
}

TEST_P(StoreConformance, IfAbsentOnlyCreates) {
  Change create = Put("a", "{1}");
  create.if_absent = true;
  ASSERT_TRUE(Commit({create}));
  EXPECT_EQ(Commit({create}).error().kind, ErrorKind::kPreconditionFailed);
}

TEST_P(StoreConformance, AMatchingConditionPasses) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  Change change = Put("a", "{2}");
  change.if_revision = 1;
  EXPECT_TRUE(Commit({change}));
  EXPECT_EQ(Commit({change}).error().kind, ErrorKind::kPreconditionFailed);
}

TEST_P(StoreConformance, ALostRaceIsAConflict) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  const auto lost = store->Commit({{Put("b", "{1}")}, "tester", "", 0});
  EXPECT_EQ(lost.error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(store->Commit({{Put("b", "{1}")}, "tester", "", 1}));
}

TEST_P(StoreConformance, DeletingForgetsTheHeadAndKeepsTheHistory) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  ASSERT_TRUE(Commit({Delete("a")}));
  EXPECT_TRUE(store->Head()->resources.empty());
  EXPECT_EQ(store->At(1)->resources.size(), 1U);
  EXPECT_TRUE(store->At(2)->resources.empty());
  EXPECT_EQ(Commit({Delete("a")}).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store->At(3).error().kind, ErrorKind::kNotFound);
}

TEST_P(StoreConformance, EmptyAndDoubledWritesAreInvalid) {
  EXPECT_EQ(Commit({}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(Commit({Put("a", "{1}"), Put("a", "{2}")}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(store->version().revision, 0U);
}

TEST_P(StoreConformance, HistoryIsNewestFirstAndPages) {
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Commit({Put("a", std::to_string(i))}));
  const auto first = store->History(0, 2).value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].revision, 5U);
  EXPECT_EQ(first[0].principal, "tester");
  EXPECT_EQ(first[0].changed, std::vector<Key>{Route("a")});
  EXPECT_EQ(store->History(first[1].revision, 10)->front().revision, 3U);
}

TEST_P(StoreConformance, AWatchResumesByRevisionAndOverflowMeansListAgain) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  ASSERT_TRUE(Commit({Put("b", "{2}")}));
  ASSERT_TRUE(Commit({Delete("a")}));
  const auto events = store->Since(1, 10).value();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].key, Route("b"));
  EXPECT_EQ(events[0].json, "{2}");
  EXPECT_FALSE(events[1].json);
  EXPECT_TRUE(store->Since(3, 10)->empty());
  EXPECT_EQ(store->Since(0, 2).error().kind, ErrorKind::kOverloaded);
}

TEST_P(StoreConformance, ACohortsPointerMovesAlone) {
  ASSERT_TRUE(Commit({Put("a", "{1}")}));
  ASSERT_TRUE(Commit({Put("a", "{2}")}));
  ASSERT_TRUE(store->Release("canary", 1));
  EXPECT_EQ(*store->Released("canary"), 1U);
  EXPECT_EQ(*store->Released(kDefaultCohort), 2U);
  EXPECT_EQ(store->Release("canary", 9).error().kind, ErrorKind::kNotFound);
}

TEST_P(StoreConformance, ManyInstancesChangeAtOnce) {
  ASSERT_TRUE(store->PutInstance({"default/cart", "a", "{1}"}));
  ASSERT_TRUE(store->ChangeInstances({{"default/cart", "a", std::nullopt},
                                      {"default/cart", "b", "{1}"},
                                      {"default/cart", "b", "{2}"},
                                      {"default/pay", "never-was", std::nullopt}}));
  EXPECT_EQ(store->Instances().value(), (std::vector<Registered>{{"default/cart", "b", "{2}"}}));
  EXPECT_TRUE(store->ChangeInstances({}));
}

TEST_P(StoreConformance, InstancesMakeNoRevision) {
  ASSERT_TRUE(store->PutInstance({"default/cart", "b", "{1}"}));
  ASSERT_TRUE(store->PutInstance({"default/cart", "a", "{1}"}));
  ASSERT_TRUE(store->PutInstance({"default/cart", "a", "{2}"}));
  const std::vector<Registered> expected = {{"default/cart", "a", "{2}"}, {"default/cart", "b", "{1}"}};
  EXPECT_EQ(store->Instances().value(), expected);
  EXPECT_TRUE(store->DeleteInstance("default/cart", "a"));
  EXPECT_EQ(store->DeleteInstance("default/cart", "a").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store->version().revision, 0U);
}

TEST_P(StoreConformance, OfRacingWritesOnTheSameBaseExactlyOneWins) {
  std::vector<std::thread> threads;
  std::atomic<int> won{0}, lost{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto done = store->Commit({{Put("r" + std::to_string(i), "{}")}, "t", "", 0});
      done ? ++won : ++lost;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 3);
}

}  // namespace weft::store
