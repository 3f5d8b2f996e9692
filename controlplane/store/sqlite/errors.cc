#include "controlplane/store/sqlite/errors.h"

#include <sqlite3.h>

#include <system_error>

namespace weft::store::sqlite {

bool MayBeInTheLog(const SQLite::Exception& failure) {
  return (failure.getErrorCode() & 0xff) == SQLITE_IOERR;
}

Error FromSqlite(const SQLite::Exception& failure, const std::string& folder, int system_error, bool undone) {
  const int code = failure.getErrorCode() & 0xff;
  std::string what = failure.what();
  if (system_error != 0) what += ": " + std::generic_category().message(system_error);
  const std::string end =
      undone ? "nothing was written" : "the write is not in force, but may be there after a restart";
  switch (code) {
    case SQLITE_FULL:
      return {ErrorKind::kUnavailable, "the disk of " + folder + " is full; make room, " + end, {}, {}};
    case SQLITE_IOERR:
      return {ErrorKind::kUnavailable,
              "the disk of " + folder + " failed (" + what + "); make room or replace it, " + end,
              {},
              {}};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorKind::kInternal,
              "the database " + folder + "/weft.db is damaged (" + what +
                  "); restore a backup, or move it away to begin anew",
              {},
              {}};
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return {ErrorKind::kUnavailable,
              "cannot write the database in " + folder + " (" + what + "); check the folder's permissions",
              {},
              {}};
    case SQLITE_BUSY:
      return {ErrorKind::kConflict,
              "the database in " + folder + " is locked by another program; close it",
              {},
              {}};
    default: return {ErrorKind::kInternal, "the database in " + folder + " failed: " + what, {}, {}};
  }
}

}  // namespace weft::store::sqlite
