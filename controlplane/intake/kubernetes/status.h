#pragma once
// status.parents of a route: for each service that it names as a parent the conditions Accepted and
// ResolvedRefs, in the terms of the Gateway API. Pure.

#include <optional>
#include <vector>

#include "common/compile/compile.h"
#include "common/time/time.h"
#include "controlplane/kube/object.h"

namespace weft::intake::kubernetes {

using kube::Json;

inline constexpr const char* kController = "weft.dev/controller";

struct Judgement {
  std::vector<Error> problems;             // why it is not in force; empty: it is
  std::vector<compile::Finding> findings;  // about it, while it is in force
};

// What the route's status is to become; none: it says so already. Entries of other controllers stay; a
// condition whose status did not change keeps its time.
std::optional<Json> ParentsOf(const Json& route, const Judgement& judgement, WallTime now);

}  // namespace weft::intake::kubernetes
