#pragma once
// `weft-agent redirect apply|check|remove`. Thread rule: blocks; one thread.

#include <iosfwd>
#include <string>
#include <vector>

#include "agent/redirect/rules.h"

namespace weft::redirect {

struct Command {
  enum class Verb { kApply, kCheck, kRemove, kHelp } verb = Verb::kHelp;
  Options options;
  bool dry_run = false;  // print what nft would be told, change nothing
};

// The words after "redirect".
Result<Command> ParseCommand(const std::vector<std::string>& words);

// The exit code: 0; 1: it failed, or the check found traffic that would bypass the agent; 2: wrong words.
int Run(const std::vector<std::string>& words, std::ostream& out, std::ostream& err);

}  // namespace weft::redirect
