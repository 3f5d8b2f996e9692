#pragma once
// Documents named on a command line: files, folders (their *.yaml, *.yml, *.json, sorted) or "-" for standard
// input.

#include <iosfwd>
#include <string>
#include <vector>

#include "common/result/result.h"

namespace weft::ctl {

struct InputFile {
  std::string name;  // "-" reads as "standard input"
  std::string text;
};

Result<std::vector<InputFile>> ReadInputs(const std::vector<std::string>& paths, std::istream& in);

}  // namespace weft::ctl
