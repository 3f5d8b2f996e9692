#include "common/snapshot/builder.h"

#include <tuple>

namespace weft::snapshot {
namespace {

bool Older(const Version& a, const Version& b) {
  return std::tie(a.epoch, a.revision) < std::tie(b.epoch, b.revision);
}

std::set<ServiceKey> Named(const Delta& delta) {
  std::set<ServiceKey> named(delta.unchanged.begin(), delta.unchanged.end());
  for (const policy::BundlePtr& bundle : delta.bundles) named.insert(bundle->key);
  for (const Refusal& refusal : delta.refused) named.insert(refusal.service);
  return named;
}

void RemoveServices(const Delta& delta, Parts& next) {
  for (const ServiceKey& key : delta.removed) next.services.erase(key);
  if (!delta.full) return;
  const std::set<ServiceKey> named = Named(delta);
  std::erase_if(next.services, [&](const auto& entry) { return !named.contains(entry.first); });
}

// A bundle with the hash that is held already changes nothing and keeps its revision.
void TakeBundles(const Delta& delta, Parts& next) {
  for (const policy::BundlePtr& bundle : delta.bundles) {
    Held& held = next.services[bundle->key];
    const bool same = held.bundle && !bundle->hash.empty() && held.bundle->hash == bundle->hash;
    if (same) continue;
    held.bundle = bundle;
    held.revision = next.version.revision;
  }
}

bool Holds(const Parts& parts, const ServiceKey& key) {
  const auto found = parts.services.find(key);
  return found != parts.services.end() && found->second.bundle;
}

bool Newer(const EndpointsUpdate& update, const EndpointsUpdate& held, const Version& target) {
  if (!held.endpoints) return update.store_id == target.store_id;
  if (update.store_id != held.store_id) return update.store_id == target.store_id;
  return std::tie(held.epoch, held.endpoints->version) < std::tie(update.epoch, update.endpoints->version);
}

// Of files everything comes anew each time; what is the same stays the same object.
void Take(const EndpointsUpdate& update, EndpointsUpdate& held) {
  const bool same = held.endpoints && held.endpoints->version == update.endpoints->version &&
                    held.endpoints->instances == update.endpoints->instances;
  const EndpointsPtr kept = same ? held.endpoints : update.endpoints;
  held = update;
  held.endpoints = kept;
}

}  // namespace

std::optional<Error> Builder::CheckVersion(const Delta& delta) const {
  if (!delta.version || !snapshot_) return std::nullopt;
  const Version& now = parts_.version;
  if (delta.version->store_id != now.store_id) {
    if (delta.full) return std::nullopt;
    return Error{ErrorKind::kConflict,
                 "the store changed from " + now.store_id + " to " + delta.version->store_id +
                     "; another store must begin with a full delta",
                 "version.store_id",
                 {}};
  }
  if (!Older(*delta.version, now)) return std::nullopt;
  return Error{ErrorKind::kConflict,
               delta.version->ToString() + " is older than " + now.ToString() +
                   ", which is in force; within one store an agent never goes back",
               "version",
               {}};
}

bool Builder::NeedsConfirmation(const Delta& delta, const Parts& next) const {
  if (!snapshot_ || !delta.version || delta.version->store_id == parts_.version.store_id) return false;
  std::size_t used = 0, lost = 0;
  for (const ServiceKey& key : in_use_()) {
    if (!Holds(parts_, key)) continue;
    ++used;
    if (!Holds(next, key)) ++lost;
  }
  return lost * 2 > used;
}

Outcome Builder::ApplyConfiguration(const Delta& delta, bool confirmed) {
  Outcome outcome;
  if ((outcome.refused = CheckVersion(delta))) return outcome;
  Parts next = parts_;
  if (delta.version) next.version = *delta.version;
  for (const ServiceKey& key : delta.unchanged) {
    if (Holds(parts_, key)) continue;
    outcome.refused =
        Invalid(key.ToString() + " is called unchanged, but no bundle of it is held", "unchanged");
    return outcome;
  }
  RemoveServices(delta, next);
  TakeBundles(delta, next);
  if ((outcome.refused = FindUndefined(next))) return outcome;
  if (!confirmed && NeedsConfirmation(delta, next)) {
    waiting_ = delta;
    outcome.awaiting = true;
    return outcome;
  }
  if (delta.version) waiting_.reset();
  for (const policy::BundlePtr& bundle : delta.bundles) {
    refusals_.erase(bundle->key);
    outcome.accepted.push_back({bundle->key, bundle->hash});
  }
  for (const Refusal& refusal : delta.refused) {
    next.services[refusal.service];  // its endpoints are kept for the bundle that mends it
    refusals_.insert_or_assign(refusal.service, refusal);
  }
  std::erase_if(refusals_, [&](const auto& entry) { return !next.services.contains(entry.first); });
  outcome.rejected = delta.refused;
  parts_ = std::move(next);
  if (delta.version && refusals_.empty()) effective_ = delta.version;
  return outcome;
}

bool Builder::ApplyEndpoints(const Delta& delta) {
  bool changed = false;
  for (const EndpointsUpdate& update : delta.endpoints) {
    const auto found = parts_.services.find(update.endpoints->service);
    if (found == parts_.services.end() || !Newer(update, found->second.endpoints, parts_.version)) continue;
    Take(update, found->second.endpoints);
    const auto refusal = refusals_.find(update.endpoints->service);
    if (refusal != refusals_.end() && refusal->second.error.field.starts_with("endpoints"))
      refusals_.erase(refusal);
    changed = true;
  }
  return changed;
}

// Generations count what workers can tell apart; a delta that changes nothing makes none.
void Builder::Publish(Outcome& outcome) {
  snapshot_ = Build(parts_, snapshot_.get(), ++generation_);
  outcome.snapshot = snapshot_;
}

Outcome Builder::Apply(const Delta& delta) {
  Outcome outcome = ApplyConfiguration(delta, false);
  const bool configured = !outcome.refused && !outcome.awaiting && delta.version.has_value();
  const bool removed = !outcome.refused && !outcome.awaiting && !delta.removed.empty();
  const bool moved = ApplyEndpoints(delta);
  if (configured || removed || moved || (!outcome.refused && !outcome.accepted.empty())) Publish(outcome);
  return outcome;
}

Outcome Builder::Accept(const std::string& store_id) {
  if (!waiting_ || (!store_id.empty() && waiting_->version->store_id != store_id)) return {};
  const Delta delta = std::move(*waiting_);
  waiting_.reset();
  Outcome outcome = ApplyConfiguration(delta, true);
  if (outcome.refused) return outcome;
  ApplyEndpoints(delta);
  Publish(outcome);
  return outcome;
}

Outcome Builder::Restore(Parts parts) {
  Outcome outcome;
  if ((outcome.refused = FindUndefined(parts))) return outcome;
  parts_ = std::move(parts);
  effective_ = parts_.version;
  Publish(outcome);
  return outcome;
}

}  // namespace weft::snapshot
