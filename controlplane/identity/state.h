#pragma once
// What the CA keeps on disk, `identity/state.json` in the data folder, mode 0600: own roots with their keys,
// join tokens with hashes of their secrets, and what was revoked. Thread rule: pure.

#include "controlplane/identity/revocations.h"
#include "controlplane/identity/roots.h"
#include "controlplane/identity/tokens.h"

namespace weft::identity {

struct State {
  std::string trust_domain;
  std::vector<Root> roots;
  std::vector<Token> tokens;
  std::vector<Revocation> revocations = {};
};

std::string EncodeState(const State& state);
Result<State> DecodeState(std::string_view text);  // each field is checked; the error names it

}  // namespace weft::identity
