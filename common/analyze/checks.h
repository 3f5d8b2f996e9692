#pragma once
// One function per kind of finding, each in its own file. Thread rule: pure functions.

#include <map>
#include <string_view>

#include "common/compile/compile.h"

namespace weft::analyze {

// The documents, and what they compile to.
struct Subject {
  const compile::Inputs& inputs;
  const compile::Output& compiled;
  std::map<std::string, const resource::Document*> by_name;  // "HTTPRoute default/cart"

  const resource::Document* Find(std::string_view kind, std::string_view name) const {
    const auto found = by_name.find(std::string(kind) + ' ' + std::string(name));
    return found == by_name.end() ? nullptr : found->second;
  }
};
using Findings = std::vector<compile::Finding>;

// Unreachable, Shadowed: rules and matches behind others that take the same requests.
void FindShadowed(const Subject& subject, Findings& findings);
// DuplicateAddress, SharedAddress: one address and port, several instances.
void FindSharedAddresses(const Subject& subject, Findings& findings);
// NoWeight, Drained, NotHttp: written, and without effect.
void FindPointless(const Subject& subject, Findings& findings);
// Loosened: a policy that allows more than the one below it.
void FindLoosened(const Subject& subject, Findings& findings);

void Warn(Findings& findings, std::string code, const resource::Document& document, std::string field,
          std::string message);

}  // namespace weft::analyze
