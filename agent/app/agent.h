#pragma once
// The whole agent: settings, forwarder, configuration, admin and telemetry servers, signals, drain, put
// together. Thread rule: everything of it runs on the cold thread (the caller of Run), the workers have
// theirs.

#include <map>
#include <memory>
#include <string>

#include "agent/app/arguments.h"

namespace weft::app {

// Runs until it is told to stop; the process's exit code. Errors are logged.
int RunAgent(const Arguments& arguments, const settings::Settings& settings);
// `weft-agent drain`.
int RunDrain(const std::string& admin);
// `weft-agent ready`: 0 when it is, within the wait.
int RunReady(const Arguments& arguments);

inline constexpr const char* kVersion = "0.1.0";

}  // namespace weft::app
