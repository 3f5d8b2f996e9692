#pragma once
// What an agent without a control plane does with its `resources:` files: parse, compile, seal. The same code
// as in weft-control (common/compile, common/wire), so both refuse the same. Thread rule: a pure function.

#include "agent/config/file_link.h"

namespace weft::resources {

// A full delta: every service with its static instances. An error carries all complaints, one per line, each
// with file, line and field; at most 20.
Result<snapshot::Delta> CompileTexts(const config::Texts& texts, const config::FileLinkOptions& options);

}  // namespace weft::resources
