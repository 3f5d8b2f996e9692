#include "controlplane/stream/release.h"

#include <algorithm>
#include <set>

#include "common/wire/wire.h"

namespace weft::stream {
namespace {

std::vector<ServiceKey> ReferencesOf(const policy::ServiceBundle& bundle) {
  std::set<ServiceKey> keys;
  for (const policy::Route& route : bundle.routes) {
    for (const policy::RouteRule& rule : route.rules) {
      for (const policy::BackendRef& ref : rule.backends) {
        if (ref.usable) keys.insert(ref.backend.service);
      }
      for (const policy::Mirror& mirror : rule.mirrors) keys.insert(mirror.backend.service);
    }
  }
  keys.erase(bundle.key);
  return {keys.begin(), keys.end()};
}

BlobPtr MakeBlob(const policy::ServiceBundle& bundle, const BlobPtr& previous) {
  std::string bytes = wire::Serialize(bundle);
  if (previous != nullptr && previous->bytes == bytes) return previous;
  std::string hash = wire::Sha256Hex(bytes);
  return std::make_shared<const Blob>(Blob{std::move(bytes), std::move(hash), ReferencesOf(bundle)});
}

}  // namespace

ReleasePtr MakeRelease(const compile::Output& compiled, const snapshot::Version& version,
                       const ReleasePtr& previous) {
  auto release = std::make_shared<Release>();
  if (previous != nullptr) release->bundles = previous->bundles;
  release->version = version;
  for (const ServiceKey& key : compiled.removed) release->bundles.erase(key);
  for (const auto& [key, bundle] : compiled.bundles) {
    BlobPtr& blob = release->bundles[key];
    blob = MakeBlob(bundle, blob);
  }
  return release;
}

std::set<ServiceKey> ChangedServices(const Release& before, const Release& after) {
  std::set<ServiceKey> changed;
  for (const auto& [key, blob] : before.bundles) {
    const auto now = after.bundles.find(key);
    if (now == after.bundles.end() || now->second->hash != blob->hash) changed.insert(key);
  }
  for (const auto& [key, blob] : after.bundles) {
    if (!before.bundles.contains(key)) changed.insert(key);
  }
  return changed;
}

}  // namespace weft::stream
