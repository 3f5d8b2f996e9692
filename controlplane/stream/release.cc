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

std::vector<net::Address> AddressesOf(const policy::ServiceBundle& bundle) {
  std::vector<net::Address> addresses;
  for (const std::string& text : bundle.addresses) {
    const auto ip = net::Ip::Parse(text);
    if (!ip) continue;
    for (const policy::ServicePort& port : bundle.ports) addresses.push_back({*ip, port.port});
  }
  return addresses;
}

BlobPtr MakeBlob(const policy::ServiceBundle& bundle, const BlobPtr& previous) {
  v1::BundleUpdate update;
  update.set_bundle(wire::Serialize(bundle));
  update.set_hash(wire::Sha256Hex(update.bundle()));
  if (previous != nullptr && previous->hash == update.hash()) return previous;
  *update.mutable_service() = wire::ToProto(bundle.key);
  return std::make_shared<const Blob>(
      Blob{MakePart(update), update.hash(), ReferencesOf(bundle), AddressesOf(bundle)});
}

}  // namespace

const ServiceKey* Release::FindAddress(const net::Address& address) const {
  std::call_once(indexed_, [this] {
    for (const auto& [key, blob] : bundles) {
      for (const net::Address& one : blob->addresses) by_address_.emplace(one, key);
    }
  });
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &found->second;
}

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
    const bool same = now != after.bundles.end() && (now->second == blob || now->second->hash == blob->hash);
    if (!same) changed.insert(key);
  }
  for (const auto& [key, blob] : after.bundles) {
    if (!before.bundles.contains(key)) changed.insert(key);
  }
  return changed;
}

EndpointList::EndpointList(snapshot::EndpointsPtr list) : state_(std::make_shared<State>(std::move(list))) {}

Part EndpointList::Wire(const snapshot::Version& store) const {
  const std::scoped_lock lock(state_->mutex);
  const bool same = state_->store_id == store.store_id && state_->epoch == store.epoch;
  if (state_->part == nullptr || !same) {
    state_->store_id = store.store_id;
    state_->epoch = store.epoch;
    state_->part =
        MakePart(wire::ToProto(snapshot::EndpointsUpdate{store.store_id, store.epoch, state_->list}));
  }
  return state_->part;
}

const std::string& EndpointList::Hash() const {
  const std::scoped_lock lock(state_->mutex);
  if (state_->hash.empty()) state_->hash = wire::HashInstances(state_->list->instances);
  return state_->hash;
}

}  // namespace weft::stream
