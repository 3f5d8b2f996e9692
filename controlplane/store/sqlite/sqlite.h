#pragma once
// The store on one disk: SQLite in WAL mode with synchronous=FULL, one writer, one process (a lock file says
// who). Folder layout: DIR/weft.db, DIR/weft.db-wal, DIR/lock. The database is checked when it is opened,
// each row by its checksum; a damaged one is refused and left as it is. Tables: meta revisions history heads
// instances released.

#include <memory>
#include <string>

#include "controlplane/store/store.h"

namespace weft::store::sqlite {

// Makes the folder when it is missing. Errors name the folder and what to do.
Result<std::unique_ptr<Store>> Open(const std::string& folder);

}  // namespace weft::store::sqlite
