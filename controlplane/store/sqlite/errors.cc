#include "controlplane/store/sqlite/errors.h"

#include <sqlite3.h>

namespace weft::store::sqlite {

Error FromSqlite(const SQLite::Exception& failure, const std::string& folder) {
  const int code = failure.getErrorCode() & 0xff;
  const std::string what = failure.what();
  switch (code) {
    case SQLITE_FULL:
      return {ErrorKind::kUnavailable,
              "the disk of " + folder + " is full; make room, nothing was written",
              {},
              {}};
    case SQLITE_IOERR:
      return {
          ErrorKind::kUnavailable,
          "the disk of " + folder + " failed (" + what + "); make room or replace it, nothing was written",
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
