#include "controlplane/stream/session.h"

#include <algorithm>
#include <utility>

#include "common/wire/wire.h"

namespace weft::stream {

struct Session::Draft {
  v1::Delta delta;  // without bundles and endpoints
  std::vector<Part> parts;
  bool bundles = false, endpoints = false;  // among the parts
  std::set<ServiceKey> wanted;              // the subscriptions that exist, and what their routes refer to
  std::size_t bytes = 0;
  bool blocked = false;  // endpoints only
  bool cut = false;      // the rest goes with the next delta
};

namespace {

// A subscription with what its routes refer to, references first: none may arrive without them.
void Collect(const Release& release, const ServiceKey& key, std::set<ServiceKey>& seen,
             std::vector<ServiceKey>& group) {
  const auto found = release.bundles.find(key);
  if (found == release.bundles.end() || !seen.insert(key).second) return;
  for (const ServiceKey& reference : found->second->references) Collect(release, reference, seen, group);
  group.push_back(key);
}

bool Same(const v1::Version& a, const snapshot::Version& b) {
  return a.revision() == b.revision && a.epoch() == b.epoch && a.store_id() == b.store_id;
}

bool Same(const v1::Version& a, const v1::Version& b) {
  return a.revision() == b.revision() && a.epoch() == b.epoch() && a.store_id() == b.store_id();
}

}  // namespace

Result<Session> Session::Open(const v1::Hello& hello, KeyPool& keys, std::string peer, TimePoint now,
                              std::int64_t unix_ms) {
  if (hello.node_id().empty())
    return Invalid("the agent has no id; set node.id in its file", "hello.node_id");
  if (hello.node_id().size() > 253)
    return Invalid("the agent's id is longer than 253 characters", "hello.node_id");
  if (!IsDnsLabel(hello.namespace_()))
    return Invalid("set node.namespace to a name of lower-case letters, digits and '-'", "hello.namespace");
  if (static_cast<std::size_t>(hello.held_size()) > kMaxSubscriptions) {
    return Error{ErrorKind::kOverloaded, "an agent may hold at most 10000 services", "hello.held", {}};
  }
  return Session(hello, keys, std::move(peer), now, unix_ms);
}

Session::Session(const v1::Hello& hello, KeyPool& keys, std::string peer, TimePoint now, std::int64_t unix_ms)
    : keys_(&keys), opened_(now), last_progress_(now) {
  info_.set_node_id(hello.node_id());
  info_.set_namespace_(hello.namespace_());
  info_.set_service(hello.service());
  info_.set_zone(hello.zone());
  *info_.mutable_labels() = hello.labels();
  info_.set_program_version(hello.program_version());
  info_.set_peer(std::move(peer));
  info_.set_connected_unix_ms(unix_ms);
  info_.set_awaiting_confirmation(hello.resync_pending());
  if (hello.has_version()) *info_.mutable_effective() = hello.version();
  for (const v1::HeldService& held : hello.held()) {
    Told& told = Tell(wire::UncheckedKey(held.service()));
    if (!held.bundle_hash().empty())
      told.hash = told.effective = std::make_shared<const std::string>(held.bundle_hash());
    if (!held.endpoints_store_id().empty()) {
      told.resumed = std::make_unique<Resumed>(Resumed{held.endpoints_store_id(), held.endpoints_hash(),
                                                       held.endpoints_epoch(), held.endpoints_version()});
    }
    subscriptions_ += told.subscribed ? 0 : 1;
    told.subscribed = true;
  }
}

Session::Told& Session::Tell(const ServiceKey& key) {
  const auto told = told_.find(key);
  if (told != told_.end()) return told->second;
  moves_.emplace_back(key, true);
  return told_[keys_->Get(key)];
}

Session::Services::iterator Session::Forget(Services::iterator told) {
  moves_.emplace_back(*told->first, false);
  return told_.erase(told);
}

std::vector<ServiceKey> Session::Used() const {
  std::vector<ServiceKey> used;
  used.reserve(told_.size());
  for (const auto& [key, told] : told_) used.push_back(*key);
  return used;
}

Status Session::Subscribe(const v1::Subscribe& message) {
  if (subscriptions_ + static_cast<std::size_t>(message.services_size()) > kMaxSubscriptions) {
    return Error{
        ErrorKind::kOverloaded, "an agent may subscribe to at most 10000 services", "subscribe.services", {}};
  }
  for (const v1::ServiceKey& service : message.services()) {
    Told& told = Tell(wire::UncheckedKey(service));
    if (!told.subscribed) {
      ++subscriptions_;
    } else {
      told = {};  // Asked again: answered again.
    }
    told.subscribed = true;
  }
  blocked_.reset();
  whole_ = true;
  return {};
}

bool Session::Ending(std::int64_t unix_ms) const {
  constexpr std::int64_t kWeek = 7LL * 24 * 3600 * 1000;
  const std::int64_t until = info_.certificate_until_unix_ms();
  const std::int64_t life = until - info_.certificate_from_unix_ms();
  return until > 0 && until - unix_ms < std::min(life / 5, kWeek);
}

void Session::Unsubscribe(const v1::Unsubscribe& message) {
  for (const v1::ServiceKey& service : message.services()) {
    const auto told = told_.find(wire::UncheckedKey(service));
    if (told == told_.end() || !told->second.subscribed) continue;
    told->second.subscribed = false;
    --subscriptions_;
    whole_ = true;
  }
}

void Session::FindAddress(const v1::FindAddress& message) {
  for (const std::string& address : message.addresses()) {
    if (asked_.size() < kMostAsked) asked_.push_back(address);
  }
}

std::optional<Outgoing> Session::NextFound(const World& world) {
  if (asked_.empty()) return std::nullopt;
  v1::FoundAddress found;
  found.set_address(std::move(asked_.front()));
  asked_.pop_front();
  const auto address = net::Address::Parse(found.address());
  const ServiceKey* key = address ? world.For(info_).FindAddress(*address) : nullptr;
  if (key != nullptr) *found.mutable_service() = wire::ToProto(*key);
  return Assemble(found);
}

Session::Acked Session::OnAck(const v1::Ack& ack, TimePoint now) {
  Acked result;
  bool concerned = false;
  // A second ack follows the confirmation of a new store.
  if (const auto sent = unacked_.extract(ack.sequence())) concerned = sent.mapped();
  last_progress_ = now;
  for (const v1::BundleAck& accepted : ack.accepted()) {
    const auto told = told_.find(wire::UncheckedKey(accepted.service()));
    if (told == told_.end() || told->second.hash == nullptr || *told->second.hash != accepted.hash())
      continue;
    told->second.effective = told->second.hash;
    told->second.nack.reset();
  }
  for (const v1::BundleNack& rejected : ack.rejected()) {
    ++result.rejects;
    *info_.mutable_last_nack() = rejected;
    const auto told = told_.find(wire::UncheckedKey(rejected.service()));
    if (told != told_.end() && told->second.hash != nullptr && *told->second.hash == rejected.hash())
      told->second.nack = std::make_unique<v1::BundleNack>(rejected);
  }
  whole_ = whole_ || !refused_.empty() || !ack.refused().empty() || ack.awaiting_confirmation() ||
           info_.awaiting_confirmation();
  refused_ = ack.refused();
  if (!refused_.empty()) {
    ++result.rejects;
    blocked_ = wire::FromProto(info_.target());
  }
  info_.set_awaiting_confirmation(ack.awaiting_confirmation());
  if (ack.has_effective() && !Same(ack.effective(), info_.effective())) {
    *info_.mutable_effective() = ack.effective();
    if (concerned) result.effective = wire::FromProto(ack.effective());
  }
  return result;
}

void Session::Drain(std::int64_t deadline_ms) {
  drain_ = deadline_ms;
  info_.set_draining(true);
}

std::optional<Outgoing> Session::Next(const World& world, TimePoint now) {
  if (auto command = NextCommand()) return command;
  if (auto found = NextFound(world)) return found;
  if (unacked_.size() >= kMaxUnacked) return std::nullopt;
  if (!whole_ && seen_ == world.generation && world.generation > 0) return std::nullopt;
  const std::optional<std::vector<ServiceKey>> changed = ChangedSince(world);
  const View view{world.For(info_), world.endpoints};
  if (AwaitsConfirmation(view)) return std::nullopt;
  CountEndpointsBy(view.release.version);
  Draft draft;
  draft.blocked = Blocked(view);
  draft.delta.set_full(!greeted_);
  if (changed) {
    for (const ServiceKey& key : *changed) AddService(draft, view, key);
  } else {
    AddWanted(draft, view);
  }
  if (!changed && !draft.cut && !draft.blocked) {
    AddUnknown(draft, view);
    AddRemoved(draft);
  }
  seen_ = world.generation;
  whole_ = draft.cut || draft.blocked;
  return Finish(draft, view, now);
}

std::optional<std::vector<ServiceKey>> Session::ChangedSince(const World& world) const {
  if (whole_ || world.generation == 0 || world.changes.empty()) return std::nullopt;
  if (world.changes.front().generation > seen_ + 1) return std::nullopt;
  std::vector<ServiceKey> changed;
  for (auto change = world.changes.rbegin(); change != world.changes.rend() && change->generation > seen_;
       ++change) {
    if (change->whole) return std::nullopt;
    for (const ServiceKey& key : change->services) {
      if (!Uses(key)) continue;
      if (change->regrouped.contains(key)) return std::nullopt;
      changed.push_back(key);
    }
  }
  return changed;
}

// Versions of endpoints that another store or epoch counted say nothing about these.
void Session::CountEndpointsBy(const snapshot::Version& version) {
  if (version.store_id == endpoints_of_.store_id && version.epoch == endpoints_of_.epoch) return;
  endpoints_of_ = version;
  for (auto& [key, told] : told_) told.has_endpoints = false;
}

// It holds our full delta until it is told to accept it. A later release may need no confirmation: it is told
// everything anew.
bool Session::AwaitsConfirmation(const View& view) {
  if (!greeted_ || !info_.awaiting_confirmation()) return false;
  if (!unacked_.empty() || Same(info_.target(), view.release.version)) return true;
  for (auto& [key, told] : told_) {
    const bool subscribed = told.subscribed;
    told = {};
    told.subscribed = subscribed;
  }
  greeted_ = false;
  return false;
}

// A delta that was refused whole is not offered again; what came after it starts from what the agent really
// has.
bool Session::Blocked(const View& view) {
  if (refused_.empty()) return false;
  if (blocked_ && *blocked_ == view.release.version) return true;
  for (auto& [key, told] : told_) {
    told.hash = told.effective;
    if (told.hash != nullptr) continue;
    const bool subscribed = told.subscribed;
    told = {};
    told.subscribed = subscribed;
  }
  blocked_.reset();
  refused_.clear();
  return false;
}

void Session::AddWanted(Draft& draft, const View& view) {
  std::vector<SharedKey> roots;
  for (const auto& [key, told] : told_) {
    if (told.subscribed) roots.push_back(key);
  }
  for (const SharedKey& root : roots) {
    std::vector<ServiceKey> group;
    Collect(view.release, *root, draft.wanted, group);
    draft.cut = draft.cut || draft.bytes >= kDeltaBytes;
    for (const ServiceKey& key : group) AddService(draft, view, key);
  }
}

void Session::AddService(Draft& draft, const View& view, const ServiceKey& key) {
  const auto found = view.release.bundles.find(key);
  if (found == view.release.bundles.end()) return;
  const Blob& blob = *found->second;
  const auto told = told_.find(key);
  const bool holds = told != told_.end() && told->second.hash != nullptr;
  const bool current = holds && (told->second.hash.get() == &blob.hash || *told->second.hash == blob.hash);
  const bool keep = holds && (draft.cut || draft.blocked);
  if (draft.delta.full() && (current || keep)) *draft.delta.add_unchanged() = wire::ToProto(key);
  if (!current && (draft.cut || draft.blocked)) return;
  if (current) {
    const Hash shared(found->second, &blob.hash);
    if (told->second.effective == told->second.hash) told->second.effective = shared;
    told->second.hash = shared;
  } else {
    AddBundle(draft, key, found->second);
  }
  AddEndpoints(draft, view, key);
}

void Session::AddBundle(Draft& draft, const ServiceKey& key, const BlobPtr& blob) {
  Told& told = Tell(key);
  told.hash = Hash(blob, &blob->hash);
  told.unknown = false;
  told.nack.reset();
  draft.parts.push_back(blob->update);
  draft.bundles = true;
  draft.bytes += blob->update->size();
}

bool Session::HoldsEndpoints(const Told& told, const EndpointList& list,
                             const snapshot::Version& store) const {
  if (told.has_endpoints) return told.endpoints_version >= list->version;
  if (told.resumed == nullptr || told.resumed->store_id != store.store_id) return false;
  if (told.resumed->epoch == store.epoch) return told.resumed->version >= list->version;
  return !told.resumed->hash.empty() && told.resumed->hash == list.Hash();
}

void Session::AddEndpoints(Draft& draft, const View& view, const ServiceKey& key) {
  const auto found = view.endpoints.find(key);
  if (found == view.endpoints.end()) return;
  Told& told = Tell(key);
  const bool holds = HoldsEndpoints(told, found->second, view.release.version);
  told.resumed.reset();
  told.endpoints_version =
      holds ? std::max(told.endpoints_version, found->second->version) : found->second->version;
  told.has_endpoints = true;
  if (holds) return;
  draft.parts.push_back(found->second.Wire(view.release.version));
  draft.endpoints = true;
  draft.bytes += draft.parts.back()->size();
}

void Session::AddUnknown(Draft& draft, const View& view) {
  for (auto& [key, told] : told_) {
    if (!told.subscribed || told.unknown || view.release.bundles.contains(*key)) continue;
    if (told.hash != nullptr) *draft.delta.add_removed() = wire::ToProto(*key);
    told = {};
    told.subscribed = told.unknown = true;
    *draft.delta.add_unknown() = wire::ToProto(*key);
  }
}

void Session::AddRemoved(Draft& draft) {
  for (auto it = told_.begin(); it != told_.end();) {
    if (draft.wanted.contains(*it->first) || it->second.subscribed) {
      ++it;
      continue;
    }
    if (it->second.hash != nullptr || it->second.has_endpoints || it->second.resumed != nullptr)
      *draft.delta.add_removed() = wire::ToProto(*it->first);
    it = Forget(it);
  }
}

std::optional<Outgoing> Session::NextCommand() {
  if (!accept_ && !drain_) return std::nullopt;
  v1::Command command;
  if (accept_) {
    accept_ = false;
    command.mutable_accept_resync();
    return Assemble(command);
  }
  command.mutable_drain()->set_deadline_ns(*drain_ * 1'000'000);
  drain_.reset();
  return Assemble(command);
}

std::optional<Outgoing> Session::Finish(Draft& draft, const View& view, TimePoint now) {
  v1::Delta& delta = draft.delta;
  const bool moved = !draft.blocked && (!info_.has_target() || !Same(info_.target(), view.release.version));
  const bool configures = delta.full() || moved || draft.bundles || delta.removed_size() > 0;
  if (!configures && !draft.endpoints && delta.unknown_size() == 0) return std::nullopt;
  if (configures && !draft.blocked) {
    *delta.mutable_version() = wire::ToProto(view.release.version);
    *info_.mutable_target() = delta.version();
  }
  greeted_ = true;
  delta.set_sequence(++sequence_);
  if (spread_ > Duration::zero()) delta.set_reconnect_spread_ns(spread_.count());
  if (unacked_.empty()) last_progress_ = now;
  unacked_[sequence_] = draft.bundles || delta.removed_size() > 0;
  return Assemble(delta, std::move(draft.parts));
}

}  // namespace weft::stream
