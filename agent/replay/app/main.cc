// weft-replay PATH: replays PATH.inputs and compares with PATH.results. Exit 0: the same; 1: a difference; 2:
// cannot.
#include <cstdio>
#include <string>

#include "agent/replay/replay.h"

namespace {

constexpr const char* kHelp =
    "usage: weft-replay PATH             replays PATH.inputs and compares with PATH.results\n"
    "       weft-replay --reseal FILE    gives a file that was edited by hand valid checksums\n"
    "Exit status: 0 the same, 1 a difference (the first is named), 2 the recording cannot be read.\n";

int Reseal(const std::string& file) {
  const weft::Status sealed = weft::decision::Reseal(file);
  if (sealed) return 0;
  std::fprintf(stderr, "weft-replay: %s\n", sealed.error().Text().c_str());
  return 2;
}

int Replay(const std::string& path) {
  const weft::Result<weft::replay::Outcome> outcome = weft::replay::RunFiles(path);
  if (!outcome) {
    std::fprintf(stderr, "weft-replay: %s\n", outcome.error().Text().c_str());
    return 2;
  }
  if (!outcome->same) {
    std::printf("different after %llu equal calls\n%s\n", static_cast<unsigned long long>(outcome->calls),
                outcome->difference.c_str());
    return 1;
  }
  std::printf("%llu calls replayed, all the same\n", static_cast<unsigned long long>(outcome->calls));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help" || first == "-h") {
    std::fputs(kHelp, stdout);
    return 0;
  }
  if (argc == 3 && first == "--reseal") return Reseal(argv[2]);
  if (argc == 2 && !first.empty() && first[0] != '-') return Replay(first);
  std::fputs(kHelp, stderr);
  return 2;
}
