#pragma once
// What a set of documents means that its authors may not: the findings of common/compile, and beyond them
// rules that nothing reaches, addresses that two claim, settings without effect and policies that loosen a
// stricter one. Nothing here refuses a write. docs/configuration.md lists the codes. Thread rule: a pure
// function.

#include "common/compile/compile.h"

namespace weft::analyze {

// Errors first, then by resource, field and code; each once.
std::vector<compile::Finding> Analyze(const compile::Inputs& inputs);

}  // namespace weft::analyze
