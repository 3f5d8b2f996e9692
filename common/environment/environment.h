// The process's environment as a map. Read before threads start: POSIX lets nobody read while somebody sets.
#pragma once

#include <map>
#include <string>

namespace weft::environment {

// What stands without "=" is left out.
std::map<std::string, std::string> Read(const char* const* entries);
std::map<std::string, std::string> Read();  // of this process

}  // namespace weft::environment
