#include "controlplane/ctl/ctl_fixture.h"

namespace weft::ctl {
namespace {

constexpr const char* kRevisions = R"({"items": [
  {"revision": 12, "at": "2024-01-15T09:49:28.000Z", "principal": "ann", "summary": "HTTPRoute default/cart and 1 more"},
  {"revision": 11, "at": "2024-01-14T09:50:00.000Z", "principal": "files", "summary": "MeshService default/cart"}]})";

TEST(CtlHistoryTest, RevisionsAreATableAndOneResourceNarrowsThem) {
  Fake fake;
  fake.On("GET /api/v1/revisions?limit=20", kRevisions)
      .On("GET /api/v1/revisions?limit=2&kind=HTTPRoute&namespace=shop&name=cart", kRevisions)
      .On("GET /api/v1/revisions?limit=20&kind=MeshService&namespace=default&name=cart", R"({"items": []})");
  ASSERT_EQ(fake.Run({"history"}), 0) << fake.err;
  ExpectGolden(fake.out, "history");
  EXPECT_EQ(fake.Run({"history", "httproute", "shop/cart", "--limit", "2"}), 0) << fake.err;
  EXPECT_EQ(fake.Run({"history", "svc", "cart"}), 0) << fake.err;
  EXPECT_EQ(fake.err, "No revisions found.\n");
  EXPECT_EQ(fake.Run({"history", "svc"}), 1);
}

TEST(RollbackTest, ItSaysWhatCameBackOrThatNothingHadTo) {
  Fake fake;
  fake.On("POST /api/v1/revisions/4:rollback",
          R"({"revision": 9, "restored": 4, "unchanged": false, "dryRun": false,
    "results": [{"kind": "HTTPRoute", "namespace": "default", "name": "cart", "action": "configured"},
                {"kind": "ServicePolicy", "namespace": "shop", "name": "cart", "action": "deleted"}]})")
      .On("POST /api/v1/revisions/9:rollback?dryRun=true",
          R"({"revision": 9, "restored": 9, "unchanged": true, "dryRun": true, "results": []})");
  ASSERT_EQ(fake.Run({"rollback", "4"}), 0) << fake.err;
  ExpectGolden(fake.out, "rollback");
  ASSERT_EQ(fake.Run({"rollback", "9", "--dry-run"}), 0) << fake.err;
  EXPECT_EQ(fake.out, "nothing to change: what the API owns is as it was at revision 9\n");
  EXPECT_EQ(fake.Run({"rollback", "x"}), 2);
}

TEST(DiffTest, RevisionsDifferWithExitCodeOneAndFailuresWithTwo) {
  Fake fake;
  fake.On("GET /api/v1/revisions/3/diff",
          R"({"from": 3, "to": 4, "items": [{"kind": "HTTPRoute", "namespace": "default",
    "name": "cart", "change": "changed", "diff": "--- HTTPRoute default/cart\trevision 3\n+++ HTTPRoute default/cart\trevision 4\n@@ -1 +1 @@\n-a\n+b\n"}]})")
      .On("GET /api/v1/revisions/3/diff?to=3", R"({"from": 3, "to": 3, "items": []})");
  EXPECT_EQ(fake.Run({"diff", "3"}), 1);
  EXPECT_EQ(fake.out,
            "--- HTTPRoute default/cart\trevision 3\n+++ HTTPRoute default/cart\trevision 4\n@@ -1 +1 "
            "@@\n-a\n+b\n");
  EXPECT_EQ(fake.Run({"diff", "3", "3"}), 0);
  EXPECT_EQ(fake.out, "");
  EXPECT_EQ(fake.Run({"diff", "8"}), 2);
  EXPECT_EQ(fake.Run({"diff"}), 2);
}

}  // namespace
}  // namespace weft::ctl
