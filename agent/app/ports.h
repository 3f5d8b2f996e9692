#pragma once
// The ports file: JSON of name and port, renamed into place, so whoever waits for it never reads half of it.

#include <string>
#include <utility>
#include <vector>

#include "common/result/result.h"

namespace weft::app {

// Writes beside it and renames. An error names `setting`, which told the path.
Status ReplaceFile(const std::string& path, const std::string& text, const std::string& setting);

Status WritePortsFile(const std::string& path,
                      const std::vector<std::pair<std::string, std::uint16_t>>& ports);

}  // namespace weft::app
