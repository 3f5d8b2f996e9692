#pragma once
// A store that forgets: for tests, and the model that the conformance suite compares others with.

#include <memory>

#include "controlplane/store/store.h"

namespace weft::store {

std::unique_ptr<Store> MakeMemoryStore(std::function<std::int64_t()> unix_ms = [] {
  return std::int64_t{0};
});

}  // namespace weft::store
