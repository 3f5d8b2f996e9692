#include "controlplane/store/sqlite/sums.h"

#include <sqlite3.h>
#include <xxhash.h>

#include <memory>

namespace weft::store::sqlite {
namespace {

using State = std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)>;

void Sum(sqlite3_context* context, int count, sqlite3_value** values) {
  const State state(XXH3_createState(), XXH3_freeState);
  if (state == nullptr) return sqlite3_result_error_nomem(context);
  XXH3_64bits_reset(state.get());
  for (int i = 0; i < count; ++i) {
    const int type = sqlite3_value_type(values[i]);
    const void* const bytes = sqlite3_value_text(values[i]);  // before its size is asked for
    const int size = type == SQLITE_NULL ? 0 : sqlite3_value_bytes(values[i]);
    const int head[2] = {type, size};
    XXH3_64bits_update(state.get(), head, sizeof head);
    if (size > 0) XXH3_64bits_update(state.get(), bytes, static_cast<std::size_t>(size));
  }
  sqlite3_result_int64(context, static_cast<sqlite3_int64>(XXH3_64bits_digest(state.get())));
}

void CheckTable(SQLite::Database& db, const char* query) {
  SQLite::Statement odd(db, query);
  if (!odd.executeStep()) return;
  throw SQLite::Exception(odd.getColumn(0).getString() + " does not match its checksum", SQLITE_CORRUPT);
}

}  // namespace

void AddSums(SQLite::Database& db) { db.createFunction("weft_sum", -1, true, nullptr, Sum); }

void CheckSums(SQLite::Database& db) {
  CheckTable(db,
             "SELECT kind || ' ' || ns || '/' || name || ' of revision ' || revision FROM history "
             "WHERE sum IS NOT weft_sum(revision, kind, ns, name, json, owner) LIMIT 1");
  CheckTable(db,
             "SELECT 'instance ' || service || '/' || id FROM instances "
             "WHERE sum IS NOT weft_sum(service, id, json) LIMIT 1");
  CheckTable(db,
             "SELECT 'rollout ' || revision FROM rollouts WHERE sum IS NOT weft_sum(revision, json) LIMIT 1");
}

}  // namespace weft::store::sqlite
