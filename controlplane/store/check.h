#pragma once
// The rules of Store::Commit that every implementation shares. Pure.

#include "controlplane/store/store.h"

namespace weft::store {

// Whether one change may be made to what is there now (none: nothing).
Status CheckChange(const Change& change, const std::optional<std::uint64_t>& current);
// Whether the write may be made at this head.
Status CheckWrite(const Write& write, std::uint64_t head);

Error NoRevision(std::uint64_t revision);
Error NoRollout(std::uint64_t revision);

}  // namespace weft::store
