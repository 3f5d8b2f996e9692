#include "common/environment/environment.h"

#include <unistd.h>

#include <string_view>

namespace weft::environment {

std::map<std::string, std::string> Read(const char* const* entries) {
  std::map<std::string, std::string> out;
  for (; *entries != nullptr; ++entries) {
    const std::string_view entry(*entries);
    const std::size_t equals = entry.find('=');
    if (equals != std::string_view::npos) out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

std::map<std::string, std::string> Read() { return Read(environ); }

}  // namespace weft::environment
