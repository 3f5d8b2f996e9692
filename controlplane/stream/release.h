#pragma once
// What agents may be given: released bundles, serialised once for all of them, and endpoints with versions of
// their own. Thread rule: immutable once made, shared freely.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/compile/compile.h"
#include "common/snapshot/snapshot.h"
#include "controlplane/rollout/plan.h"
#include "controlplane/stream/outgoing.h"

namespace weft::stream {

struct Blob {
  Part update;                          // v1.BundleUpdate: key, canonical form, hash
  std::string hash;                     // SHA-256 of the canonical form, hex
  std::vector<ServiceKey> references;   // services that its routes send to, itself excluded
  std::vector<net::Address> addresses;  // virtual IPs with each of its ports
};
using BlobPtr = std::shared_ptr<const Blob>;

struct Release {
  snapshot::Version version;
  std::map<ServiceKey, BlobPtr> bundles;

  // Null: no service has it. Of several the first by key, as in an agent's snapshot.
  const ServiceKey* FindAddress(const net::Address& address) const;

 private:
  mutable std::once_flag indexed_;
  mutable std::unordered_map<net::Address, ServiceKey> by_address_;  // made when first asked for
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

// The instances of one service; their wire form and hash are made when the first agent needs them. Cheap to
// copy.
class EndpointList {
 public:
  EndpointList() = default;
  EndpointList(snapshot::EndpointsPtr list);  // NOLINT: stands for it everywhere

  const snapshot::Endpoints& operator*() const { return *state_->list; }
  const snapshot::Endpoints* operator->() const { return state_->list.get(); }
  Part Wire(const snapshot::Version& store) const;  // counted by this store and epoch
  const std::string& Hash() const;                  // wire::HashInstances of them

 private:
  struct State {
    explicit State(snapshot::EndpointsPtr of) : list(std::move(of)) {}
    const snapshot::EndpointsPtr list;
    std::mutex mutex;
    std::string store_id, hash;  // hash empty: nothing was made yet
    std::uint64_t epoch = 0;
    Part part;
  };
  std::shared_ptr<State> state_;
};
using EndpointLists = std::unordered_map<ServiceKey, EndpointList>;

// What became visible at once.
struct Change {
  std::uint64_t generation = 0;      // of the world that shows it
  std::vector<ServiceKey> services;  // whose bundle or endpoints changed
  std::set<ServiceKey> regrouped;    // of these: they came, went, or refer to other services than before
  bool whole = false;                // anything may have changed, for anybody
  bool moved = false;                // the release is another one
};

// What sessions compare with what their agents hold.
struct World : Served {
  static constexpr std::size_t kChangesKept = 256;
  EndpointLists endpoints;
  std::uint64_t generation = 0;  // counts the changes
  std::deque<Change> changes;    // the newest; a session that saw none of them compares everything
};

}  // namespace weft::stream
