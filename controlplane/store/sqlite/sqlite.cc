#include "controlplane/store/sqlite/sqlite.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <SQLiteCpp/VariadicBind.h>
#include <sqlite3.h>

#include <chrono>
#include <mutex>

#include "common/time/time.h"
#include "controlplane/store/check.h"
#include "controlplane/store/sqlite/errors.h"
#include "controlplane/store/sqlite/files.h"
#include "controlplane/store/sqlite/schema.h"
#include "controlplane/store/sqlite/sums.h"

namespace weft::store::sqlite {
namespace {

std::uint64_t Number(const SQLite::Column& column) { return static_cast<std::uint64_t>(column.getInt64()); }

constexpr const char* kPutInstance =
    "INSERT INTO instances VALUES(?1, ?2, ?3, weft_sum(?1, ?2, ?3)) ON CONFLICT(service, id) DO UPDATE SET "
    "json = excluded.json, sum = excluded.sum";
constexpr const char* kDropInstance = "DELETE FROM instances WHERE service = ? AND id = ?";

class SqliteStore final : public Store {
 public:
  SqliteStore(FolderLock lock, const std::string& folder)
      : lock_(std::move(lock)),
        folder_(folder),
        db_(folder + "/weft.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    db_.setBusyTimeout(1000);
    AddSums(db_);
    Check();
    db_.exec("PRAGMA journal_mode=WAL");
    db_.exec("PRAGMA synchronous=FULL");
    db_.exec("PRAGMA foreign_keys=ON");
    if (!db_.tableExists("meta")) Create();
    TakeOverSchema();
    CheckSums(db_);
    BeginEpoch();
    version_.revision = Number(db_.execAndGet("SELECT COALESCE(MAX(revision), 0) FROM revisions"));
  }

  Version version() const override {
    const std::lock_guard hold(mutex_);
    return version_;
  }

  Result<std::uint64_t> Commit(const Write& write) override {
    return Written<std::uint64_t>([&]() -> Result<std::uint64_t> {
      if (auto ok = CheckWrite(write, version_.revision); !ok) return ok.error();
      SQLite::Transaction transaction(db_,
                                      SQLite::TransactionBehavior::IMMEDIATE);  // rolls back unless committed
      if (auto ok = CheckFence(); !ok) return ok.error();
      const std::uint64_t revision = version_.revision + 1;
      SQLite::Statement entry(db_, "INSERT INTO revisions VALUES(?, ?, ?, ?)");
      SQLite::bind(entry, static_cast<std::int64_t>(revision), UnixMs(ReadWallClock()), write.principal,
                   write.text);
      entry.exec();
      for (const Change& change : write.changes) {
        if (auto ok = Make(change, revision); !ok) return ok.error();
      }
      if (write.rollout) {
        SetReleased(kCandidateCohort, revision);
        SetRollout({revision, *write.rollout});
      } else {
        ReleaseToAll(revision);
      }
      if (write.ends) SetRollout(*write.ends);
      transaction.commit();
      version_.revision = revision;
      return revision;
    });
  }

  Result<Image> Head() const override {
    return Guarded<Image>([&]() -> Result<Image> { return ImageOf(version_.revision); });
  }

  Result<Image> At(std::uint64_t revision) const override {
    return Guarded<Image>([&]() -> Result<Image> {
      if (revision > version_.revision) return NoRevision(revision);
      return ImageOf(revision);
    });
  }

  Result<std::vector<Revision>> History(std::uint64_t before, std::size_t limit) const override {
    return Guarded<std::vector<Revision>>([&]() -> Result<std::vector<Revision>> {
      SQLite::Statement query(db_,
                              "SELECT revision, at_unix_ms, principal FROM revisions WHERE revision < ? "
                              "ORDER BY revision DESC LIMIT ?");
      SQLite::bind(query, Below(before), static_cast<std::int64_t>(limit));
      return ReadRevisions(query);
    });
  }

  Result<std::vector<Revision>> HistoryOf(const Key& key, std::uint64_t before,
                                          std::size_t limit) const override {
    return Guarded<std::vector<Revision>>([&]() -> Result<std::vector<Revision>> {
      SQLite::Statement query(
          db_,
          "SELECT r.revision, r.at_unix_ms, r.principal FROM history h JOIN revisions r ON "
          "r.revision = h.revision WHERE h.kind = ? AND h.ns = ? AND h.name = ? AND "
          "h.revision < ? ORDER BY h.revision DESC LIMIT ?");
      SQLite::bind(query, key.kind, key.ns, key.name, Below(before), static_cast<std::int64_t>(limit));
      return ReadRevisions(query);
    });
  }

  Result<std::vector<Event>> Since(std::uint64_t revision, std::size_t limit) const override {
    return Guarded<std::vector<Event>>([&]() -> Result<std::vector<Event>> {
      SQLite::Statement query(
          db_,
          "SELECT revision, kind, ns, name, json, owner FROM history WHERE revision > ? ORDER "
          "BY revision, kind, ns, name LIMIT ?");
      query.bind(1, static_cast<std::int64_t>(revision));
      query.bind(2, static_cast<std::int64_t>(limit) + 1);
      std::vector<Event> out;
      while (query.executeStep()) {
        Event event{Number(query.getColumn(0)), KeyAt(query, 1), std::nullopt,
                    query.getColumn(5).getString()};
        if (!query.getColumn(4).isNull()) event.json = query.getColumn(4).getString();
        out.push_back(std::move(event));
      }
      if (out.size() > limit)
        return Error{ErrorKind::kOverloaded, "too many changes since; list again", {}, {}};
      return out;
    });
  }

  Result<std::uint64_t> Released(const std::string& cohort) const override {
    return Guarded<std::uint64_t>([&]() -> Result<std::uint64_t> {
      SQLite::Statement query(
          db_,
          "SELECT revision FROM released WHERE cohort IN (?, 'default') ORDER BY cohort = 'default' LIMIT 1");
      query.bind(1, cohort);
      query.executeStep();
      return Number(query.getColumn(0));
    });
  }

  Status Release(const std::string& cohort, std::uint64_t revision) override {
    return Written<void>([&]() -> Status {
      if (revision > version_.revision) return NoRevision(revision);
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      if (auto ok = CheckFence(); !ok) return ok;
      SetReleased(cohort, revision);
      transaction.commit();
      return {};
    });
  }

  Result<std::vector<Rollout>> Rollouts(std::size_t limit) const override {
    return Guarded<std::vector<Rollout>>([&]() -> Result<std::vector<Rollout>> {
      SQLite::Statement query(db_, "SELECT revision, json FROM rollouts ORDER BY revision DESC LIMIT ?");
      query.bind(1, static_cast<std::int64_t>(limit));
      std::vector<Rollout> out;
      while (query.executeStep()) out.push_back({Number(query.getColumn(0)), query.getColumn(1).getString()});
      return out;
    });
  }

  Result<Rollout> RolloutOf(std::uint64_t revision) const override {
    return Guarded<Rollout>([&]() -> Result<Rollout> {
      SQLite::Statement query(db_, "SELECT json FROM rollouts WHERE revision = ?");
      query.bind(1, static_cast<std::int64_t>(revision));
      if (!query.executeStep()) return NoRollout(revision);
      return Rollout{revision, query.getColumn(0).getString()};
    });
  }

  Status PutRollout(const Rollout& rollout, bool everybody) override {
    return Written<void>([&]() -> Status {
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      if (auto ok = CheckFence(); !ok) return ok;
      if (SetRollout(rollout, "UPDATE rollouts SET json = ?2, sum = weft_sum(?1, ?2) WHERE revision = ?1") ==
          0)
        return NoRollout(rollout.revision);
      if (everybody) ReleaseToAll(rollout.revision);
      transaction.commit();
      return {};
    });
  }

  Result<std::vector<Registered>> Instances() const override {
    return Guarded<std::vector<Registered>>([&]() -> Result<std::vector<Registered>> {
      SQLite::Statement query(db_, "SELECT service, id, json FROM instances ORDER BY service, id");
      std::vector<Registered> out;
      while (query.executeStep()) {
        out.push_back(
            {query.getColumn(0).getString(), query.getColumn(1).getString(), query.getColumn(2).getString()});
      }
      return out;
    });
  }

  Status PutInstance(const Registered& instance) override {
    return Written<void>([&]() -> Status {
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      if (auto ok = CheckFence(); !ok) return ok;
      SQLite::Statement put(db_, kPutInstance);
      SQLite::bind(put, instance.service, instance.id, instance.json);
      put.exec();
      transaction.commit();
      return {};
    });
  }

  Status DeleteInstance(const std::string& service, const std::string& id) override {
    return Written<void>([&]() -> Status {
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      if (auto ok = CheckFence(); !ok) return ok;
      SQLite::Statement drop(db_, kDropInstance);
      SQLite::bind(drop, service, id);
      if (drop.exec() == 0) return Error{ErrorKind::kNotFound, "no instance " + service + "/" + id, {}, {}};
      transaction.commit();
      return {};
    });
  }

  Status ChangeInstances(const std::vector<InstanceChange>& changes) override {
    return Guarded<void>([&]() -> Status {
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      if (auto ok = CheckFence(); !ok) return ok;
      SQLite::Statement put(db_, kPutInstance);
      SQLite::Statement drop(db_, kDropInstance);
      for (const InstanceChange& change : changes) {
        SQLite::Statement& statement = change.json ? put : drop;
        SQLite::bind(statement, change.service, change.id);
        if (change.json) statement.bind(3, *change.json);
        statement.exec();
        statement.reset();
      }
      transaction.commit();
      return {};
    });
  }

 private:
  template <class T, class Work>
  Result<T> Guarded(const Work& work) const {
    const std::lock_guard hold(mutex_);
    try {
      return work();
    } catch (const SQLite::Exception& failure) {
      return FromSqlite(failure, folder_, sqlite3_system_errno(db_.getHandle()));
    }
  }

  // Of a transaction that writes.
  template <class T, class Work>
  Result<T> Written(const Work& work) {
    const std::lock_guard hold(mutex_);
    try {
      return work();
    } catch (const SQLite::Exception& failure) {
      const int system_error = sqlite3_system_errno(db_.getHandle());
      return FromSqlite(failure, folder_, system_error, !MayBeInTheLog(failure) || Overwrite());
    }
  }

  // A commit whose sync failed has left its pages in the log, where a start after a crash would find it
  // committed. A small transaction takes their place; false when that fails too.
  bool Overwrite() {
    try {
      SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
      db_.exec(
          "INSERT INTO meta VALUES('failures', '1') ON CONFLICT(key) DO UPDATE SET "
          "value = CAST(value AS INTEGER) + 1");
      transaction.commit();
      return true;
    } catch (const SQLite::Exception&) {
      return false;
    }
  }

  static std::int64_t Below(std::uint64_t before) {
    return before == 0 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(before);
  }

  std::vector<Revision> ReadRevisions(SQLite::Statement& query) const {
    std::vector<Revision> out;
    while (query.executeStep()) {
      const std::uint64_t revision = Number(query.getColumn(0));
      out.push_back(
          {revision, query.getColumn(1).getInt64(), query.getColumn(2).getString(), ChangedIn(revision)});
    }
    return out;
  }

  void Check() {
    SQLite::Statement check(db_, "PRAGMA integrity_check(1)");
    if (check.executeStep() && check.getColumn(0).getString() == "ok") return;
    throw SQLite::Exception("integrity check: " + check.getColumn(0).getString(), SQLITE_CORRUPT);
  }

  void Create() {
    SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
    db_.exec(kSchema);
    SQLite::Statement id(db_, "INSERT INTO meta VALUES('store_id', ?)");
    id.bind(1, RandomStoreId());
    id.exec();
    transaction.commit();
  }

  void TakeOverSchema() {
    const std::string schema = db_.execAndGet("SELECT value FROM meta WHERE key = 'schema'").getString();
    if (schema == "3") return;
    if (schema != "1" && schema != "2")
      throw SQLite::Exception("schema " + schema + " is of a newer weft-control; use that one");
    SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
    if (schema == "1") db_.exec(kFrom1To2);
    db_.exec(kFrom2To3);
    transaction.commit();
  }

  void BeginEpoch() {
    SQLite::Transaction transaction(db_, SQLite::TransactionBehavior::IMMEDIATE);
    db_.exec("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'epoch'");
    version_.epoch = StoredEpoch();
    version_.store_id = db_.execAndGet("SELECT value FROM meta WHERE key = 'store_id'").getString();
    transaction.commit();
  }

  std::uint64_t StoredEpoch() const {
    SQLite::Statement query(db_, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'epoch'");
    query.executeStep();
    return Number(query.getColumn(0));
  }

  // Somebody who came round the lock file (a copied folder, another mount) opened it after us.
  Status CheckFence() const {
    if (StoredEpoch() == version_.epoch) return {};
    return Error{ErrorKind::kConflict,
                 "the database in " + folder_ + " was opened by another process; this one writes no more",
                 {},
                 {}};
  }

  Status Make(const Change& change, std::uint64_t revision) {
    const Key& key = change.key;
    if (auto ok = CheckChange(change, CurrentOf(key)); !ok) return ok;
    const auto number = static_cast<std::int64_t>(revision);
    SQLite::Statement put(
        db_, "INSERT INTO history VALUES(?1, ?2, ?3, ?4, ?5, ?6, weft_sum(?1, ?2, ?3, ?4, ?5, ?6))");
    SQLite::bind(put, number, key.kind, key.ns, key.name);
    if (change.json) put.bind(5, *change.json);
    put.bind(6, change.owner);
    put.exec();
    SQLite::Statement head(db_, change.json ? "INSERT INTO heads VALUES(?, ?, ?, ?) ON CONFLICT(kind, ns, "
                                              "name) DO UPDATE SET revision = excluded.revision"
                                            : "DELETE FROM heads WHERE kind = ? AND ns = ? AND name = ?");
    SQLite::bind(head, key.kind, key.ns, key.name);
    if (change.json) head.bind(4, number);
    head.exec();
    return {};
  }

  void SetReleased(const std::string& cohort, std::uint64_t revision) {
    SQLite::Statement put(
        db_,
        "INSERT INTO released VALUES(?, ?) ON CONFLICT(cohort) DO UPDATE SET revision = excluded.revision");
    SQLite::bind(put, cohort, static_cast<std::int64_t>(revision));
    put.exec();
  }

  void ReleaseToAll(std::uint64_t revision) {
    db_.exec("DELETE FROM released");
    SetReleased(kDefaultCohort, revision);
  }

  int SetRollout(const Rollout& rollout,
                 const char* how = "INSERT OR REPLACE INTO rollouts VALUES(?1, ?2, weft_sum(?1, ?2))") {
    SQLite::Statement put(db_, how);
    SQLite::bind(put, static_cast<std::int64_t>(rollout.revision), rollout.json);
    return put.exec();
  }

  std::optional<std::uint64_t> CurrentOf(const Key& key) const {
    SQLite::Statement query(db_, "SELECT revision FROM heads WHERE kind = ? AND ns = ? AND name = ?");
    SQLite::bind(query, key.kind, key.ns, key.name);
    if (!query.executeStep()) return std::nullopt;
    return Number(query.getColumn(0));
  }

  static Key KeyAt(SQLite::Statement& query, int column) {
    return {query.getColumn(column).getString(), query.getColumn(column + 1).getString(),
            query.getColumn(column + 2).getString()};
  }

  // The newest state of each resource at or before the revision, unless that is its deletion.
  Image ImageOf(std::uint64_t revision) const {
    SQLite::Statement query(
        db_,
        "SELECT kind, ns, name, json, owner, MAX(revision) FROM history WHERE revision <= ? "
        "GROUP BY kind, ns, name HAVING json IS NOT NULL ORDER BY kind, ns, name");
    query.bind(1, static_cast<std::int64_t>(revision));
    Image image{revision, {}};
    while (query.executeStep()) {
      image.resources.push_back({KeyAt(query, 0), query.getColumn(3).getString(),
                                 query.getColumn(4).getString(), Number(query.getColumn(5))});
    }
    return image;
  }

  std::vector<Key> ChangedIn(std::uint64_t revision) const {
    SQLite::Statement query(db_,
                            "SELECT kind, ns, name FROM history WHERE revision = ? ORDER BY kind, ns, name");
    query.bind(1, static_cast<std::int64_t>(revision));
    std::vector<Key> out;
    while (query.executeStep()) out.push_back(KeyAt(query, 0));
    return out;
  }

  FolderLock lock_;
  const std::string folder_;
  mutable std::mutex mutex_;  // guards all below
  mutable SQLite::Database db_;
  Version version_;
};

}  // namespace

Result<std::unique_ptr<Store>> Open(const std::string& folder) {
  auto lock = FolderLock::Take(folder);
  if (!lock) return lock.error();
  try {
    return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(*lock), folder));
  } catch (const SQLite::Exception& failure) {
    return FromSqlite(failure, folder);
  }
}

}  // namespace weft::store::sqlite
