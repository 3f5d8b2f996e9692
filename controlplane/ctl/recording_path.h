#pragma once
// A recording is two files; people name either of them, or what both begin with.

#include <string>

namespace weft::ctl {

inline std::string RecordingPath(std::string path) {
  for (const char* end : {".inputs", ".results"}) {
    if (path.ends_with(end)) path.resize(path.size() - std::string(end).size());
  }
  return path;
}

}  // namespace weft::ctl
