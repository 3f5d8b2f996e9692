#pragma once
// What a fuzz target claims of what it did: a claim that does not hold ends the process, as libFuzzer wants
// it.

#include <cstdio>
#include <cstdlib>

namespace weft::fuzz {

inline void Require(bool holds, const char* what = "a claim does not hold") {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace weft::fuzz
