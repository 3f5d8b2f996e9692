#pragma once
// What a file looks like from outside, to see that it changed without reading it. Thread rule: any thread.

#include <string>

namespace weft::stamp {

// Another text after every replacement and every edit of the file; "missing" when it cannot be looked at.
std::string StampOf(const std::string& path);

}  // namespace weft::stamp
