#pragma once
// What SQLite's failures mean to people, and what to do about them.

#include <SQLiteCpp/Exception.h>

#include <string>

#include "common/result/result.h"

namespace weft::store::sqlite {

// `system_error`: errno of the failed operation; zero: none. `undone`: of a failed write; false: after a
// crash it may be found.
Error FromSqlite(const SQLite::Exception& failure, const std::string& folder, int system_error = 0,
                 bool undone = true);

// Whether a commit that failed so may have left all of itself in the log: not when the disk is full, since
// its last page is written last.
bool MayBeInTheLog(const SQLite::Exception& failure);

}  // namespace weft::store::sqlite
