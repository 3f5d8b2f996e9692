#pragma once
// What the CA keeps on disk, `identity/state.json` in the data folder, mode 0600: own roots with their keys,
// and join tokens with hashes of their secrets. Thread rule: pure.

#include "controlplane/identity/roots.h"
#include "controlplane/identity/tokens.h"

namespace weft::identity {

struct State {
  std::string trust_domain;
  std::vector<Root> roots;
  std::vector<Token> tokens;
};

std::string EncodeState(const State& state);
Result<State> DecodeState(std::string_view text);  // each field is checked; the error names it

}  // namespace weft::identity
