#pragma once
// From accepted bundles and endpoints to a Snapshot, and the rules by which a delta is accepted (design:
// versions).
//
//  * A bundle that did not decode is refused alone; its service keeps the last good one.
//  * A delta after which some backendRef or mirror would name a BackendKey that no accepted bundle defines is
//    refused whole. (A reference that the compiler marked unusable is no reference.)
//  * Within one store the target never goes back. Another store must send a full delta, which is compared by
//  hash;
//    one that would remove more than half of the services in use waits until Accept().
//  * Endpoints have their own version: older or equal ones are dropped, newer ones are taken even when the
//  rest of
//    their delta is refused, so the removal of an instance may overtake configuration. Another store's
//    endpoints count only once that store is the target's.
//
// The snapshot depends on the held parts only, not on the order in which they came. Services that did not
// change are shared with the snapshot before. Pure: no clock, no I/O. Thread rule: one thread.

#include <functional>
#include <map>
#include <set>

#include "common/snapshot/delta.h"

namespace weft::snapshot {

// What is held for one service.
struct Held {
  policy::BundlePtr bundle;    // null: none accepted yet, endpoints came first
  std::uint64_t revision = 0;  // of the target with which the bundle came
  EndpointsUpdate endpoints;   // endpoints null: none yet
};

struct Parts {
  Version version;  // target of the last accepted delta; store_id empty: none, or files
  std::map<ServiceKey, Held> services;
};

// Pure. `previous` (may be null) is only a source of objects to share.
SnapshotPtr Build(const Parts& parts, const Snapshot* previous, std::uint64_t generation);

// First reference that no bundle in `parts` defines: field "routes[0].rules[0].backends[1]", detail names
// both ends.
std::optional<Error> FindUndefined(const Parts& parts);

struct Accepted {
  ServiceKey service;
  std::string hash;
};

struct Outcome {
  SnapshotPtr snapshot;  // null: nothing changed
  std::vector<Accepted> accepted;
  std::vector<Refusal> rejected;
  std::optional<Error> refused;  // the whole delta (its endpoints excepted)
  bool awaiting = false;         // a new store waits for Accept()
};

class Builder {
 public:
  // `in_use`: the services whose loss an operator should confirm. Called during Apply.
  explicit Builder(std::function<std::set<ServiceKey>()> in_use) : in_use_(std::move(in_use)) {}

  Outcome Apply(const Delta& delta);
  // Takes over the store that waits, if its id is `store_id` or that is empty. Its last full delta is
  // applied.
  Outcome Accept(const std::string& store_id);
  // Parts of a cache; only before the first Apply. Refused when a reference is undefined.
  Outcome Restore(Parts parts);

  const Parts& parts() const { return parts_; }
  const SnapshotPtr& snapshot() const { return snapshot_; }  // null before the first
  const std::optional<Delta>& waiting() const { return waiting_; }
  // Last refusal per service, until a good bundle or the removal of the service.
  const std::map<ServiceKey, Refusal>& refusals() const { return refusals_; }
  // Last target that left no refusal behind; none before the first.
  const std::optional<Version>& effective() const { return effective_; }

 private:
  std::optional<Error> CheckVersion(const Delta& delta) const;
  bool NeedsConfirmation(const Delta& delta, const Parts& next) const;
  Outcome ApplyConfiguration(const Delta& delta, bool confirmed);
  bool ApplyEndpoints(const Delta& delta);
  void Publish(Outcome& outcome);

  std::function<std::set<ServiceKey>()> in_use_;
  Parts parts_;
  SnapshotPtr snapshot_;
  std::uint64_t generation_ = 0;
  std::map<ServiceKey, Refusal> refusals_;
  std::optional<Version> effective_;
  std::optional<Delta> waiting_;
};

}  // namespace weft::snapshot
