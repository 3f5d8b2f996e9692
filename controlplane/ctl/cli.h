#pragma once
// The command line as a function, so that tests run it in process.

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/ctl/client.h"

namespace weft::ctl {

struct Environment {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  std::function<std::optional<std::string>(const char* name)> variable;  // of the process's environment
  std::function<Result<Send>(const std::string& server, const Login& login)>
      dial;  // how bytes reach a server
  std::int64_t now_unix_ms = 0;
  std::function<void()> pause = [] { std::this_thread::sleep_for(std::chrono::seconds(1)); };
};

// The exit code: 0, or 1 after a failure that was told on `err`; 2 for a wrong command line.
int Run(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace weft::ctl
