#pragma once
// What SQLite's failures mean to people, and what to do about them.

#include <SQLiteCpp/Exception.h>

#include <string>

#include "common/result/result.h"

namespace weft::store::sqlite {

Error FromSqlite(const SQLite::Exception& failure, const std::string& folder);

}  // namespace weft::store::sqlite
