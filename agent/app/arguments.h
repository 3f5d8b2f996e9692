#pragma once
// The command line of weft-agent. Pure.

#include <string>
#include <vector>

#include "agent/settings/settings.h"

namespace weft::app {

struct Arguments {
  enum class Command { kRun, kHelp, kVersion, kDrain, kReady, kRedirect } command = Command::kRun;
  std::string config;                         // empty: built-in values and overrides only
  std::string ports_file;                     // empty: none is written
  std::string admin = "127.0.0.1:15000";      // of kDrain
  std::string telemetry = "127.0.0.1:15020";  // of kReady
  Duration wait{};                            // of kReady
  std::vector<std::string> words;             // of kRedirect
  std::vector<settings::Override> overrides;  // --outbound-listen ADDRESS and the like
};

inline constexpr const char* kHelp =
    R"(weft-agent: the sidecar of Weft. Usage:

  weft-agent [--config FILE] [--ports-file FILE] [--FIELD VALUE]...
  weft-agent drain [--admin ADDRESS]     tell the running agent to drain (preStop)
  weft-agent ready [--telemetry ADDRESS] [--wait DURATION]   whether the running agent is ready
  weft-agent redirect apply|check|remove send this network namespace's TCP through the agent; --help tells more

  --config FILE       the agent's file (YAML); docs/configuration.md lists its keys
  --ports-file FILE   writes the ports in use there as JSON, once all listeners are bound
  --FIELD VALUE       one scalar of the file, "." and upper case written as "-": --outbound-listen 127.0.0.1:15001
  --help, --version

A flag beats a WEFT_* variable (WEFT_OUTBOUND_LISTEN), which beats the file, which beats the built-in value.
Without --config the file's text may stand in WEFT_CONFIG_TEXT. SIGTERM drains and exits 0, a second one exits at once; SIGHUP reads the resources again.
)";

Result<Arguments> ParseArguments(const std::vector<std::string>& words);

}  // namespace weft::app
