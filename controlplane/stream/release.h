#pragma once
// What agents may be given: released bundles, serialised once for all of them, and endpoints with versions of
// their own. Thread rule: immutable once made, shared freely.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/compile/compile.h"
#include "common/snapshot/snapshot.h"
#include "controlplane/rollout/plan.h"
#include "weft/v1/bundle.pb.h"

namespace weft::stream {

struct Blob {
  std::string bytes;                   // a v1.ServiceBundle in canonical form
  std::string hash;                    // SHA-256 of bytes, hex
  std::vector<ServiceKey> references;  // services that its routes send to, itself excluded
};
using BlobPtr = std::shared_ptr<const Blob>;

struct Release {
  snapshot::Version version;
  std::map<ServiceKey, BlobPtr> bundles;
};
using ReleasePtr = std::shared_ptr<const Release>;

// `previous` (null: nothing) with what the compiler made anew; blobs that came out the same are kept.
ReleasePtr MakeRelease(const compile::Output& compiled, const snapshot::Version& version,
                       const ReleasePtr& previous);

// Services whose bundles differ.
std::set<ServiceKey> ChangedServices(const Release& before, const Release& after);

// What everybody is served, and what a cohort is served instead while a rollout runs.
struct Served {
  ReleasePtr release = std::make_shared<const Release>();
  ReleasePtr candidate = nullptr;                           // null: no rollout
  std::shared_ptr<const rollout::Cohort> cohort = nullptr;  // who is served it; null with the candidate
  const Release& For(const v1::Agent& agent) const {
    return candidate != nullptr && cohort->Has(agent) ? *candidate : *release;
  }
};

using EndpointLists = std::unordered_map<ServiceKey, snapshot::EndpointsPtr>;

// What sessions compare with what their agents hold.
struct World : Served {
  EndpointLists endpoints;
};

}  // namespace weft::stream
