#pragma once
// Documents named on a command line: files, folders (their *.yaml, *.yml, *.json, sorted; with -R those of
// folders in them, too) or "-" for standard input.

#include <string>
#include <vector>

#include "controlplane/ctl/context.h"

namespace CLI {
class App;
}

namespace weft::ctl {

struct InputFile {
  std::string name;  // "-" reads as "standard input"
  std::string text;
};

Result<std::vector<InputFile>> ReadInputs(const Context& context, const std::vector<std::string>& paths);

// --dry-run, also as kubectl has it: =server and =client are the same here, the server checks; =none is
// without.
void AddDryRun(CLI::App& verb, bool& dry_run);

}  // namespace weft::ctl
