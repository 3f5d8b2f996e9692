#pragma once
// A checksum in each row that holds what somebody wrote: SQLite's own check of a database finds broken pages,
// not a changed byte in a text. For sqlite.cc only. Thread rule: that of the database.

#include <SQLiteCpp/SQLiteCpp.h>

namespace weft::store::sqlite {

// Gives the connection the SQL function weft_sum(VALUE, …): XXH3 (xxhash.com) over types, lengths and bytes.
void AddSums(SQLite::Database& db);

// Looks at every row. Throws SQLITE_CORRUPT with the first one that does not match.
void CheckSums(SQLite::Database& db);

}  // namespace weft::store::sqlite
