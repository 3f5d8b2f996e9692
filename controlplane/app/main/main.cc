// weft-control: the control plane's process.
#include <cstdio>
#include <cstdlib>

#include "controlplane/app/program.h"

extern char** environ;

namespace {

std::map<std::string, std::string> Environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view pair(*entry);
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) out.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const weft::control::Parsed parsed = weft::control::ParseCommandLine(argc, argv, Environment());
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
