#pragma once
// Small files read and replaced whole. Thread rule: any thread; two writers of one path are the caller's
// business.

#include <string>
#include <string_view>

#include "common/result/result.h"

namespace weft::file {

// kNotFound: there is none. Otherwise an error names the path and the system's reason; so it does for what is
// no regular file, or larger than `most`.
Result<std::string> Read(const std::string& path, std::size_t most);

// Written beside it, fsynced, renamed into place, and the folder fsynced: after a crash there is the old file
// or the new one. Mode 0600 unless others may read it. An error leaves what was there.
Status Replace(const std::string& path, std::string_view bytes, bool others_may_read = false);

}  // namespace weft::file
