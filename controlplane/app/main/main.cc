// weft-control: the control plane's process.
#include <cstdio>
#include <cstdlib>

#include "common/environment/environment.h"
#include "controlplane/app/program.h"

int main(int argc, char** argv) {
  const weft::control::Parsed parsed = weft::control::ParseCommandLine(argc, argv, weft::environment::Read());
  if (!parsed.settings) {
    std::fputs(parsed.text.c_str(), parsed.status == 0 ? stdout : stderr);
    return parsed.status;
  }
  if (auto ok = weft::log::Configure(parsed.settings->log); !ok) {
    std::fprintf(stderr, "weft-control: %s\n", ok.error().Text().c_str());
    return 2;
  }
  const auto program = weft::control::Program::Start(*parsed.settings);
  if (!program) {
    std::fprintf(stderr, "weft-control: %s\n", program.error().Text().c_str());
    return 1;
  }
  (*program)->Run();
  return 0;
}
