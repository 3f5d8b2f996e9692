// What a disk that fails at any moment leaves behind: each write, sync and truncation of a commit fails in
// turn.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "controlplane/store/sqlite/sqlite.h"

namespace weft::store::sqlite {
namespace {

// SQLite's own file system, but for the operations that are to fail. One at a time per process.
class FailingDisk {
 public:
  FailingDisk() {
    base_ = sqlite3_vfs_find(nullptr);
    shim_ = *base_;
    shim_.zName = "failing";
    shim_.xOpen = &Open;
    sqlite3_vfs_register(&shim_, 1);
  }
  ~FailingDisk() {
    sqlite3_vfs_unregister(&shim_);
    sqlite3_vfs_register(base_, 1);
  }

  // The n-th operation from now fails, a write with `code`, and all after it when `for_good`.
  static void Arm(int n, int code, bool for_good) {
    left_ = n;
    code_ = code;
    for_good_ = for_good;
    failed_ = false;
  }
  static bool Disarm() {  // whether one failed
    left_ = 0;
    for_good_ = false;
    return failed_;
  }

 private:
  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    const int rc = base_->xOpen(base_, name, file, flags, out);
    if (rc != SQLITE_OK || file->pMethods == nullptr) return rc;
    const auto [found, fresh] = methods_.try_emplace(file->pMethods);
    if (fresh) found->second = Failing(file->pMethods);
    file->pMethods = &found->second;
    return rc;
  }
  // Of a database and of its log they are not the same.
  struct Methods : sqlite3_io_methods {
    const sqlite3_io_methods* real = nullptr;
  };
  static const sqlite3_io_methods& RealOf(const sqlite3_file* file) {
    return *static_cast<const Methods*>(file->pMethods)->real;
  }
  static Methods Failing(const sqlite3_io_methods* real) {
    Methods out;
    static_cast<sqlite3_io_methods&>(out) = *real;
    out.real = real;
    out.xWrite = [](sqlite3_file* f, const void* bytes, int n, sqlite3_int64 at) {
      return Fails() ? code_ : RealOf(f).xWrite(f, bytes, n, at);
    };
    out.xSync = [](sqlite3_file* f, int how) {
      return Fails() ? SQLITE_IOERR_FSYNC : RealOf(f).xSync(f, how);
    };
    out.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      return Fails() ? code_ : RealOf(f).xTruncate(f, size);
    };
    return out;
  }
  static bool Fails() {
    if (failed_ && for_good_) return true;
    if (left_ == 0 || --left_ > 0) return false;
    return failed_ = true;
  }

  static inline sqlite3_vfs* base_ = nullptr;
  static inline sqlite3_vfs shim_;
  static inline std::map<const sqlite3_io_methods*, Methods> methods_;  // never moved: files point there
  static inline int left_ = 0, code_ = 0;
  static inline bool for_good_ = false, failed_ = false;
};

Write Put(const std::vector<std::string>& names, const std::string& json) {
  Write write{{}, "tester", "", {}};
  for (const std::string& name : names)
    write.changes.push_back({{"HTTPRoute", "default", name}, json, "api", {}, false});
  return write;
}

std::vector<std::string> NamesIn(const Store& store) {
  std::vector<std::string> names;
  const auto head = store.Head();
  for (const Resource& resource : head->resources) names.push_back(resource.key.name);
  return names;
}

struct Case {
  const char* name;
  int code;
  bool for_good;
};

class FaultsTest : public testing::TestWithParam<Case> {
 protected:
  FaultsTest() {
    std::string pattern = testing::TempDir() + "weft-faults-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~FaultsTest() override { std::filesystem::remove_all(root_); }
  std::string Fresh(int n, const char* what) const { return root_ + "/" + what + std::to_string(n); }

  // The folder as a crash would leave it now.
  static void Copy(const std::string& from, const std::string& to) {
    std::filesystem::create_directories(to);
    for (const char* name : {"weft.db", "weft.db-wal"}) {
      if (std::filesystem::exists(from + "/" + name))
        std::filesystem::copy_file(from + "/" + name, to + "/" + name);
    }
  }

  FailingDisk disk_;
  std::string root_;
};

TEST_P(FaultsTest, AWriteThatWasRefusedIsNotThereNowNorAfterACrashAndOneThatWasAcknowledgedIs) {
  const std::vector<std::string> before{"a"}, during{"a", "b1", "b2"}, after{"a", "c"};
  bool any = true;
  for (int n = 1; any; ++n) {
    ASSERT_LT(n, 200);
    SCOPED_TRACE(n);
    const std::string folder = Fresh(n, "live"), crashed = Fresh(n, "crashed");
    auto store = Open(folder).value();
    ASSERT_TRUE(store->Commit(Put(before, "{}")));
    FailingDisk::Arm(n, GetParam().code, GetParam().for_good);
    const auto done = store->Commit(Put({"b1", "b2"}, std::string(5000, 'x')));
    any = FailingDisk::Disarm();
    Copy(folder, crashed);
    EXPECT_EQ(NamesIn(*store), done ? during : before);
    EXPECT_EQ(store->version().revision, done ? 2U : 1U);
    const auto found = NamesIn(*Open(crashed).value());
    if (done) {
      EXPECT_EQ(found, during);
      continue;
    }
    EXPECT_EQ(done.error().kind, ErrorKind::kUnavailable) << done.error().Text();
    const bool sure = done.error().detail.find("nothing was written") != std::string::npos;
    EXPECT_TRUE(sure || done.error().detail.find("may be there after a restart") != std::string::npos)
        << done.error().Text();
    EXPECT_TRUE(found == before || (!sure && found == during)) << found.size();
    ASSERT_EQ(*store->Commit(Put({"c"}, "{}")), 2U);
    store.reset();
    EXPECT_EQ(NamesIn(*Open(folder).value()), after);
  }
}

INSTANTIATE_TEST_SUITE_P(Disks, FaultsTest,
                         testing::Values(Case{"FullOnce", SQLITE_FULL, false},
                                         Case{"FullForGood", SQLITE_FULL, true},
                                         Case{"FailsOnce", SQLITE_IOERR_WRITE, false},
                                         Case{"FailsForGood", SQLITE_IOERR_WRITE, true}),
                         [](const auto& one) { return std::string(one.param.name); });

// Each page of the file, one after the other, is overwritten: either it is noticed at the opening and said,
// or it was a page that nothing is in.
TEST(DamagedPagesTest, EachIsNoticedOrHeldNothing) {
  std::string pattern = testing::TempDir() + "weft-pages-XXXXXX";
  const std::string root = mkdtemp(pattern.data());
  const std::string whole = root + "/whole";
  std::vector<std::string> names;
  {
    auto store = Open(whole).value();
    for (int i = 100; i < 130; ++i) {
      names.push_back("r" + std::to_string(i));
      ASSERT_TRUE(store->Commit(Put({names.back()}, std::string(i < 103 ? 9000 : 300, 'x'))));
    }
  }
  constexpr std::size_t kPage = 4096;
  const std::size_t pages = std::filesystem::file_size(whole + "/weft.db") / kPage;
  ASSERT_GT(pages, 10U);
  std::size_t noticed = 0;
  for (std::size_t page = 0; page < pages; ++page) {
    const std::string folder = root + "/damaged" + std::to_string(page);
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(whole + "/weft.db", folder + "/weft.db");
    std::fstream file(folder + "/weft.db", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(page * kPage));
    for (std::size_t i = 0; i < kPage; ++i) file.put(static_cast<char>(0xa5 ^ (i * 31)));
    file.close();
    const auto opened = Open(folder);
    if (opened) {
      const auto found = NamesIn(**opened);
      EXPECT_EQ(found, names) << "page " << page << " was damaged, and nobody said so";
      continue;
    }
    ++noticed;
    EXPECT_NE(opened.error().detail.find("is damaged"), std::string::npos) << opened.error().Text();
    EXPECT_NE(opened.error().detail.find("restore a backup"), std::string::npos) << opened.error().Text();
  }
  EXPECT_GE(noticed, pages * 8 / 10) << "of " << pages;
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace weft::store::sqlite
