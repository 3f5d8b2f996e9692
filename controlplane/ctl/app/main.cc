// weftctl: talks to the control plane's REST API.
#include <cstdlib>
#include <iostream>

#include "common/time/time.h"
#include "controlplane/ctl/cli.h"
#include "controlplane/ctl/dial.h"

namespace {

std::optional<std::string> Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

int main(int argc, char** argv) {
  return weft::ctl::Run({argv + 1, argv + argc}, {std::cout, std::cerr, std::cin, Variable,
                                                  weft::ctl::DialHttp, weft::UnixMs(weft::ReadWallClock())});
}
