// Diff and rollback, by REST and gRPC.
#include "controlplane/app/program_fixture.h"

namespace weft::control {
namespace {

std::string CartOn(int port) {
  return "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: cart}\nspec: {ports: [{name: http, "
         "port: " +
         std::to_string(port) + ", protocol: HTTP}]}\n";
}

class HistoryTest : public ProgramTest {
 protected:
  HistoryTest() { Begin(); }
  json Diff(const std::string& range) { return Body(Call("GET", "/api/v1/revisions/" + range)); }
  json RollBack(const std::string& revision, const std::string& query = {}) {
    return Body(Call("POST", "/api/v1/revisions/" + revision + ":rollback" + query));
  }
};

TEST_F(HistoryTest, ADiffNamesWhatWasAddedChangedAndRemovedWithItsLines) {
  ASSERT_EQ(Apply(kCart).status, 200);
  ASSERT_EQ(Apply(CartOn(81)).status, 200);
  ASSERT_EQ(Apply(kRoute).status, 200);
  const json changed = Diff("1/diff?to=2");
  ASSERT_EQ(changed["items"].size(), 1U) << changed;
  EXPECT_EQ(changed["items"][0]["change"], "changed");
  const std::string text = changed["items"][0]["diff"];
  EXPECT_TRUE(text.starts_with(
      "--- MeshService default/cart\trevision 1\n+++ MeshService default/cart\trevision 2\n@@ "))
      << text;
  EXPECT_NE(text.find("\n-    port: 80\n+    port: 81\n"), std::string::npos) << text;
  const json to_head = Diff("2/diff");
  EXPECT_EQ(to_head["to"], 3);
  EXPECT_EQ(to_head["items"][0]["change"], "added");
  EXPECT_EQ(Diff("3/diff?to=0")["items"].size(), 0U);
  EXPECT_EQ(Diff("3/diff?to=1")["items"][0]["change"], "removed");
  EXPECT_EQ(Diff("0/diff?to=1")["items"][0]["change"], "added");
}

TEST_F(HistoryTest, ADiffOfWhatNeverWasNamesTheField) {
  EXPECT_EQ(Field(Call("GET", "/api/v1/revisions/7/diff")), "from");
  EXPECT_EQ(Field(Call("GET", "/api/v1/revisions/0/diff?to=7")), "to");
  EXPECT_EQ(Field(Call("GET", "/api/v1/revisions/0/diff?to=x")), "to");
  EXPECT_EQ(Call("GET", "/api/v1/revisions/x/diff").status, 400);
}

TEST_F(HistoryTest, ARollbackIsANewRevisionWithTheOldContent) {
  ASSERT_EQ(Apply(kCart).status, 200);
  ASSERT_EQ(Apply(CartOn(81)).status, 200);
  ASSERT_EQ(Apply(kRoute).status, 200);  // its port 80 is gone by now: a warning
  const json planned = RollBack("1", "?dryRun=true");
  EXPECT_EQ(planned["revision"], 3) << planned;
  EXPECT_EQ(planned["dryRun"], true);
  const json done = RollBack("1");
  EXPECT_EQ(done["revision"], 4) << done;
  EXPECT_EQ(done["restored"], 1);
  EXPECT_EQ(done["results"][0]["action"], "configured");
  EXPECT_EQ(done["results"][1]["action"], "deleted");
  EXPECT_EQ(done["results"][1]["kind"], "HTTPRoute");
  EXPECT_EQ(planned["results"].size(), 2U);
  EXPECT_EQ(Diff("1/diff?to=4")["items"].size(), 0U);
  EXPECT_EQ(Call("GET", "/api/v1/resources/HTTPRoute/default/cart").status, 404);
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/default/cart"))["etag"], "4");
  const json again = RollBack("1");
  EXPECT_EQ(again["unchanged"], true) << again;
  EXPECT_EQ(again["revision"], 4) << "nothing to change makes no revision";
  EXPECT_EQ(RollBack("3")["results"].size(), 2U) << "a rollback can be rolled back";
}

TEST_F(HistoryTest, ARollbackToNothingOrToTheFutureIsRefused) {
  ASSERT_EQ(Apply(kCart).status, 200);
  EXPECT_EQ(RollBack("0")["error"]["field"], "revision");
  EXPECT_EQ(RollBack("9")["error"]["code"], "not_found");
  grpc::ClientContext context;
  v1::RollBackRequest request;
  request.set_revision(1);
  v1::RollBackResponse response;
  ASSERT_TRUE(config->RollBack(&context, request, &response).ok());
  EXPECT_TRUE(response.unchanged());
}

TEST_F(HistoryTest, OnlyWhatApiWritersOwnIsRolledBackAndNoInstanceComesBack) {
  End();
  const std::string file = folder + "/mesh.yaml";
  std::ofstream(file) << "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: stock}\n"
                         "spec: {ports: [{port: 80}]}\n";
  settings.resources = {file};
  Begin();
  ASSERT_EQ(Apply(kCart).status, 200);  // revision 2
  ASSERT_EQ(Call("PUT", "/api/v1/services/default/cart/instances/a", R"({"address": "127.0.0.1", "port": 1})")
                .status,
            200);
  ASSERT_EQ(Call("DELETE", "/api/v1/services/default/cart").status, 200);
  const json emptied = RollBack("1");
  EXPECT_EQ(emptied["unchanged"], true) << "the file's service stays: " << emptied;
  EXPECT_EQ(emptied["findings"].size(), 0U) << "it was there at revision 1: " << emptied;
  const json restored = RollBack("2");
  EXPECT_EQ(restored["results"].size(), 1U);
  EXPECT_EQ(restored["findings"].size(), 0U) << restored;
  EXPECT_EQ(Body(Call("GET", "/api/v1/services/default/cart/instances"))["items"].size(), 0U);
  EXPECT_EQ(Call("GET", "/api/v1/services/default/stock").status, 200);
}

TEST_F(HistoryTest, ARollbackSaysWhatItLeavesAloneBecauseAFileOwnsIt) {
  ASSERT_EQ(Apply(kCart).status, 200);  // revision 1
  End();
  const std::string file = folder + "/mesh.yaml";
  std::ofstream(file) << "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: stock}\n"
                         "spec: {ports: [{port: 80}]}\n";
  settings.resources = {file};
  Begin();  // revision 2
  const json back = RollBack("1");
  EXPECT_EQ(back["unchanged"], true) << back;
  ASSERT_EQ(back["findings"].size(), 1U) << back;
  EXPECT_EQ(back["findings"][0]["code"], "NotRolledBack");
  EXPECT_EQ(back["findings"][0]["resource"], "MeshService default/stock");
}

TEST_F(HistoryTest, WhatAFileOwnedThenAndTheApiOwnsNowIsDeletedAndNotCalledKept) {
  End();
  const std::string file = folder + "/mesh.yaml";
  std::ofstream(file) << "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: cart}\n"
                         "spec: {ports: [{port: 80}]}\n";
  settings.resources = {file};
  Begin();  // revision 1
  End();
  std::ofstream(file) << "apiVersion: weft.dev/v1\nkind: MeshService\nmetadata: {name: stock}\n"
                         "spec: {ports: [{port: 80}]}\n";
  Begin();  // revision 2: the file lets go of cart
  ASSERT_EQ(Apply(kCart).status, 200);
  const json back = RollBack("1");
  ASSERT_EQ(back["results"].size(), 1U) << back;
  EXPECT_EQ(back["results"][0]["action"], "deleted");
  ASSERT_EQ(back["findings"].size(), 1U) << back;
  EXPECT_EQ(back["findings"][0]["resource"], "MeshService default/stock");
}

TEST_F(HistoryTest, TheHistoryOfOneResourceIsItsOwn) {
  ASSERT_EQ(Apply(kCart).status, 200);
  ASSERT_EQ(Apply(kRoute).status, 200);
  const json routes = Body(Call("GET", "/api/v1/revisions?kind=httproutes&name=cart"));
  ASSERT_EQ(routes["items"].size(), 1U) << routes;
  EXPECT_EQ(routes["items"][0]["revision"], 2);
  EXPECT_EQ(Field(Call("GET", "/api/v1/revisions?kind=httproutes")), "name");
  EXPECT_EQ(Field(Call("GET", "/api/v1/revisions?kind=potato&name=x")), "kind");
}

TEST_F(HistoryTest, OnlyEditorsRollBack) {
  End();
  WriteTokens("viewer-secret v viewer\neditor-secret e editor\n");
  Begin();
  const auto with = [this](const char* verb, const char* path, const char* token) {
    return Call(verb, path, {}, {{"Authorization", std::string("Bearer ") + token}}).status;
  };
  EXPECT_EQ(with("POST", "/api/v1/revisions/1:rollback", "viewer-secret"), 403);
  EXPECT_EQ(with("POST", "/api/v1/revisions/1:rollback", "editor-secret"), 404);
  EXPECT_EQ(with("GET", "/api/v1/revisions/0/diff", "viewer-secret"), 200);
}

}  // namespace
}  // namespace weft::control
