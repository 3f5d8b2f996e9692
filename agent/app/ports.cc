#include "agent/app/ports.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace weft::app {

Status ReplaceFile(const std::string& path, const std::string& text, const std::string& setting) {
  const std::string temporary = path + ".tmp";
  {
    std::ofstream out(temporary, std::ios::trunc);
    out << text;
    if (!out.flush()) return Invalid("cannot write " + temporary + ": " + std::strerror(errno), setting);
  }
  if (std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  return Invalid("cannot rename " + temporary + " to " + path + ": " + std::strerror(errno), setting);
}

Status WritePortsFile(const std::string& path,
                      const std::vector<std::pair<std::string, std::uint16_t>>& ports) {
  std::ostringstream out;
  out << "{";
  for (std::size_t i = 0; i < ports.size(); ++i) {
    out << (i == 0 ? "" : ", ") << '"' << ports[i].first << "\": " << ports[i].second;
  }
  out << "}\n";
  return ReplaceFile(path, out.str(), "--ports-file");
}

}  // namespace weft::app
