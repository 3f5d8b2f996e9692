#include "controlplane/store/sqlite/sqlite.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "controlplane/store/conformance.h"

namespace weft::store::sqlite {
namespace {

// A folder of its own for each test, gone afterwards.
class Folder {
 public:
  Folder() {
    std::string pattern = testing::TempDir() + "weft-store-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<Store> OpenFresh() {
  static std::vector<std::unique_ptr<Folder>> folders;
  folders.push_back(std::make_unique<Folder>());
  return Open(folders.back()->path()).value();
}

Write PutRoute(const std::string& name, const std::string& json) {
  return {{{{"HTTPRoute", "default", name}, json, "api", {}, false}}, "tester", "", {}};
}

TEST(SqliteStoreTest, ReopeningKeepsTheIdentityAndContentAndCountsTheEpoch) {
  const Folder folder;
  Version before;
  {
    auto store = Open(folder.path()).value();
    ASSERT_TRUE(store->Commit(PutRoute("a", "{1}")));
    ASSERT_TRUE(store->PutInstance({"default/cart", "a", "{}"}));
    before = store->version();
  }
  auto store = Open(folder.path()).value();
  EXPECT_EQ(store->version().store_id, before.store_id);
  EXPECT_EQ(store->version().epoch, before.epoch + 1);
  EXPECT_EQ(store->version().revision, 1U);
  EXPECT_EQ(store->Head()->resources.size(), 1U);
  EXPECT_EQ(store->Instances()->size(), 1U);
}

TEST(SqliteStoreTest, ADatabaseOfTheFirstSchemaIsTakenOver) {
  const Folder folder;
  ASSERT_TRUE(Open(folder.path()).value()->Commit(PutRoute("a", "{1}")));
  SQLite::Database(folder.path() + "/weft.db", SQLite::OPEN_READWRITE)
      .exec(
          "DROP TABLE rollouts; ALTER TABLE history DROP COLUMN sum; ALTER TABLE instances DROP COLUMN sum; "
          "UPDATE meta SET value = '1' WHERE key = 'schema'");
  auto store = Open(folder.path()).value();
  EXPECT_EQ(store->Head()->resources.size(), 1U);
  Write staged = PutRoute("a", "{2}");
  staged.rollout = "running";
  ASSERT_TRUE(store->Commit(staged));
  store.reset();
  store = Open(folder.path()).value();
  EXPECT_EQ(store->Rollouts(10).value(), (std::vector<Rollout>{{2, "running"}}));
  EXPECT_EQ(*store->Released(kDefaultCohort), 1U);
}

TEST(SqliteStoreTest, ASecondOpenerIsToldWhoHasIt) {
  const Folder folder;
  auto store = Open(folder.path()).value();
  const auto second = Open(folder.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_NE(second.error().detail.find("in use by process " + std::to_string(getpid())), std::string::npos);
}

TEST(SqliteStoreTest, AnOpenerThatCameRoundTheLockFencesTheFirst) {
  const Folder folder;
  auto first = Open(folder.path()).value();
  std::filesystem::remove(folder.path() + "/lock");
  auto second = Open(folder.path()).value();
  EXPECT_EQ(first->Commit(PutRoute("a", "{}")).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(first->PutInstance({"s", "i", "{}"}).error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(second->Commit(PutRoute("a", "{}")));
}

TEST(SqliteStoreTest, ADamagedDatabaseIsRefusedAndNamed) {
  const Folder folder;
  std::ofstream(folder.path() + "/weft.db") << std::string(8192, 'x');
  const auto opened = Open(folder.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kInternal);
  EXPECT_NE(opened.error().detail.find("is damaged"), std::string::npos) << opened.error().detail;
}

TEST(SqliteStoreTest, DamageInTheMiddleOfTheFileIsFoundAtOpening) {
  const Folder folder;
  {
    auto store = Open(folder.path()).value();
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(store->Commit(PutRoute("r" + std::to_string(i), std::string(500, 'x'))));
  }
  const std::string path = folder.path() + "/weft.db";
  const auto size = std::filesystem::file_size(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2));
  file << std::string(8192, '\xee');
  file.close();
  const auto opened = Open(folder.path());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("is damaged"), std::string::npos) << opened.error().detail;
}

TEST(SqliteStoreTest, AChangedByteInARowIsFoundAtOpeningAndTheRowIsNamed) {
  const std::pair<const char*, const char*> changes[] = {
      {"UPDATE history SET json = '{7}' WHERE name = 'a'", "HTTPRoute default/a of revision 1"},
      {"UPDATE history SET json = NULL WHERE name = 'a'", "HTTPRoute default/a of revision 1"},
      {"UPDATE history SET owner = 'apj' WHERE name = 'b'", "HTTPRoute default/b of revision 2"},
      {"UPDATE instances SET json = '{\"port\": 81}'", "instance default/cart/i"},
      {"UPDATE rollouts SET json = 'stage 7'", "rollout 2"},
      {"UPDATE instances SET sum = NULL", "instance default/cart/i"}};
  for (const auto& [change, row] : changes) {
    const Folder folder;
    {
      auto store = Open(folder.path()).value();
      ASSERT_TRUE(store->Commit(PutRoute("a", "{1}")));
      Write staged = PutRoute("b", "{2}");
      staged.rollout = "stage 1";
      ASSERT_TRUE(store->Commit(staged));
      ASSERT_TRUE(store->PutRollout({2, "stage 2"}, false));
      ASSERT_TRUE(store->PutInstance({"default/cart", "i", "{}"}));
      ASSERT_TRUE(store->PutInstance({"default/cart", "i", "{\"port\": 80}"}));
    }
    ASSERT_TRUE(Open(folder.path())) << "untouched, it is good";
    SQLite::Database(folder.path() + "/weft.db", SQLite::OPEN_READWRITE).exec(change);
    const auto opened = Open(folder.path());
    ASSERT_FALSE(opened) << change;
    EXPECT_NE(opened.error().detail.find(std::string(row) + " does not match its checksum"),
              std::string::npos)
        << opened.error().detail;
  }
}

TEST(SqliteStoreTest, AFullDiskIsAClearErrorAndNothingHalfIsLeft) {
  const Folder folder;
  auto store = Open(folder.path()).value();
  ASSERT_TRUE(store->Commit(PutRoute("before", "{}")));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{256 << 10, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Write write = PutRoute("big", std::string(1 << 20, 'x'));
  write.changes.push_back({{"HTTPRoute", "default", "small"}, "{}", "api", {}, false});
  const auto refused = store->Commit(write);
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(refused.error().detail.find("nothing was written"), std::string::npos) << refused.error().detail;
  EXPECT_EQ(store->Head()->resources.size(), 1U);
  EXPECT_EQ(*store->Commit(PutRoute("after", "{}")), 2U);
}

TEST(SqliteStoreTest, AFolderThatCannotBeMadeIsNamed) {
  const auto opened = Open("/proc/weft/store");
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("/proc/weft/store"), std::string::npos);
}

}  // namespace
}  // namespace weft::store::sqlite

namespace weft::store {
INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, testing::Values([] { return sqlite::OpenFresh(); }));
}  // namespace weft::store
