#pragma once
// What agents may be given: released bundles, serialised once for all of them, and endpoints with versions of
// their own. Thread rule: immutable once made, shared freely.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/compile/compile.h"
#include "common/snapshot/snapshot.h"
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

// Serialises what the compiler made. Blobs that did not change are taken over from `previous` (null: none).
ReleasePtr MakeRelease(const compile::Output& compiled, const snapshot::Version& version,
                       const ReleasePtr& previous);

// What a session compares with what its agent holds.
struct World {
  ReleasePtr release = std::make_shared<const Release>();
  std::unordered_map<ServiceKey, snapshot::EndpointsPtr> endpoints;
};

ServiceKey KeyOf(const v1::ServiceKey& wire);  // unchecked: a wrong name is simply unknown

}  // namespace weft::stream
