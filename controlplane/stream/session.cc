#include "controlplane/stream/session.h"

#include <algorithm>

#include "common/wire/wire.h"

namespace weft::stream {

struct Session::Draft {
  v1::Delta delta;
  std::set<ServiceKey> wanted;  // the subscriptions that exist, and what their routes refer to
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

}  // namespace

Result<Session> Session::Open(const v1::Hello& hello, std::string peer, TimePoint now, std::int64_t unix_ms) {
  if (hello.node_id().empty())
    return Invalid("the agent has no id; set node.id in its file", "hello.node_id");
  if (hello.node_id().size() > 253)
    return Invalid("the agent's id is longer than 253 characters", "hello.node_id");
  if (!IsDnsLabel(hello.namespace_()))
    return Invalid("set node.namespace to a name of lower-case letters, digits and '-'", "hello.namespace");
  if (static_cast<std::size_t>(hello.held_size()) > kMaxSubscriptions) {
    return Error{ErrorKind::kOverloaded, "an agent may hold at most 10000 services", "hello.held", {}};
  }
  return Session(hello, std::move(peer), now, unix_ms);
}

Session::Session(const v1::Hello& hello, std::string peer, TimePoint now, std::int64_t unix_ms)
    : last_progress_(now) {
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
    Told& told = told_[wire::UncheckedKey(held.service())];
    told.hash = told.effective_hash = held.bundle_hash();
    told.store_id = held.endpoints_store_id();
    told.epoch = held.endpoints_epoch();
    told.endpoints_version = held.endpoints_version();
    told.has_endpoints = !told.store_id.empty();
    subscribed_.insert(wire::UncheckedKey(held.service()));
  }
}

Status Session::Subscribe(const v1::Subscribe& message) {
  if (subscribed_.size() + static_cast<std::size_t>(message.services_size()) > kMaxSubscriptions) {
    return Error{
        ErrorKind::kOverloaded, "an agent may subscribe to at most 10000 services", "subscribe.services", {}};
  }
  for (const v1::ServiceKey& service : message.services()) {
    const ServiceKey key = wire::UncheckedKey(service);
    if (subscribed_.insert(key).second) continue;
    told_.erase(key);  // Asked again: answered again.
  }
  blocked_.reset();
  return {};
}

bool Session::Ending(std::int64_t unix_ms) const {
  constexpr std::int64_t kWeek = 7LL * 24 * 3600 * 1000;
  const std::int64_t until = info_.certificate_until_unix_ms();
  const std::int64_t life = until - info_.certificate_from_unix_ms();
  return until > 0 && until - unix_ms < std::min(life / 5, kWeek);
}

void Session::Unsubscribe(const v1::Unsubscribe& message) {
  for (const v1::ServiceKey& service : message.services()) subscribed_.erase(wire::UncheckedKey(service));
}

Session::Acked Session::OnAck(const v1::Ack& ack, TimePoint now) {
  Acked result;
  unacked_.erase(ack.sequence());  // A second ack follows the confirmation of a new store.
  last_progress_ = now;
  for (const v1::BundleAck& accepted : ack.accepted()) {
    const auto told = told_.find(wire::UncheckedKey(accepted.service()));
    if (told == told_.end() || told->second.hash != accepted.hash()) continue;
    told->second.effective_hash = accepted.hash();
    told->second.nack.reset();
  }
  for (const v1::BundleNack& rejected : ack.rejected()) {
    ++result.rejects;
    *info_.mutable_last_nack() = rejected;
    const auto told = told_.find(wire::UncheckedKey(rejected.service()));
    if (told != told_.end() && told->second.hash == rejected.hash()) told->second.nack = rejected;
  }
  refused_ = ack.refused();
  if (!refused_.empty()) {
    ++result.rejects;
    blocked_ = wire::FromProto(info_.target());
  }
  info_.set_awaiting_confirmation(ack.awaiting_confirmation());
  if (ack.has_effective() && wire::FromProto(ack.effective()) != wire::FromProto(info_.effective())) {
    *info_.mutable_effective() = ack.effective();
    result.effective = wire::FromProto(ack.effective());
  }
  return result;
}

void Session::Drain(std::int64_t deadline_ms) {
  drain_ = deadline_ms;
  info_.set_draining(true);
}

std::optional<v1::ControlMessage> Session::Next(const World& world, TimePoint now) {
  const View view{world.For(info_), world.endpoints};
  if (auto command = NextCommand()) return command;
  if (AwaitsConfirmation(view) || unacked_.size() >= kMaxUnacked) return std::nullopt;
  Draft draft;
  draft.blocked = Blocked(view);
  draft.delta.set_full(!greeted_);
  AddWanted(draft, view);
  if (!draft.cut && !draft.blocked) {
    AddUnknown(draft, view);
    AddRemoved(draft);
  }
  return Finish(draft, view, now);
}

// It holds our full delta until it is told to accept it. A later release may need no confirmation: it is told
// everything anew.
bool Session::AwaitsConfirmation(const View& view) {
  if (!greeted_ || !info_.awaiting_confirmation()) return false;
  if (!unacked_.empty() || wire::FromProto(info_.target()) == view.release.version) return true;
  told_.clear();
  greeted_ = false;
  return false;
}

// A delta that was refused whole is not offered again; what came after it starts from what the agent really
// has.
bool Session::Blocked(const View& view) {
  if (refused_.empty()) return false;
  if (blocked_ && *blocked_ == view.release.version) return true;
  for (auto& [key, told] : told_) {
    told.hash = told.effective_hash;
    if (told.hash.empty()) told = {};
  }
  blocked_.reset();
  refused_.clear();
  return false;
}

void Session::AddWanted(Draft& draft, const View& view) {
  for (const ServiceKey& root : subscribed_) {
    std::vector<ServiceKey> group;
    Collect(view.release, root, draft.wanted, group);
    draft.cut = draft.cut || draft.bytes >= kDeltaBytes;
    for (const ServiceKey& key : group) AddService(draft, view, key);
  }
}

void Session::AddService(Draft& draft, const View& view, const ServiceKey& key) {
  const Blob& blob = *view.release.bundles.at(key);
  const auto told = told_.find(key);
  const bool current = told != told_.end() && told->second.hash == blob.hash;
  const bool keep = told != told_.end() && !told->second.hash.empty() && (draft.cut || draft.blocked);
  if (draft.delta.full() && (current || keep)) *draft.delta.add_unchanged() = wire::ToProto(key);
  if (!current && (draft.cut || draft.blocked)) return;
  if (!current) AddBundle(draft, key, blob);
  AddEndpoints(draft, view, key);
}

void Session::AddBundle(Draft& draft, const ServiceKey& key, const Blob& blob) {
  Told& told = told_[key];
  told.hash = blob.hash;
  told.unknown = false;
  told.nack.reset();
  v1::BundleUpdate& update = *draft.delta.add_bundles();
  *update.mutable_service() = wire::ToProto(key);
  update.set_bundle(blob.bytes);
  update.set_hash(blob.hash);
  draft.bytes += blob.bytes.size();
}

void Session::AddEndpoints(Draft& draft, const View& view, const ServiceKey& key) {
  const auto found = view.endpoints.find(key);
  if (found == view.endpoints.end()) return;
  const snapshot::Version& store = view.release.version;
  const snapshot::Endpoints& endpoints = *found->second;
  Told& told = told_[key];
  const bool same_count = told.has_endpoints && told.store_id == store.store_id && told.epoch == store.epoch;
  if (same_count && told.endpoints_version >= endpoints.version) return;
  told.store_id = store.store_id;
  told.epoch = store.epoch;
  told.endpoints_version = endpoints.version;
  told.has_endpoints = true;
  v1::Endpoints message =
      wire::ToProto(snapshot::EndpointsUpdate{store.store_id, store.epoch, found->second});
  draft.bytes += message.ByteSizeLong();
  *draft.delta.add_endpoints() = std::move(message);
}

void Session::AddUnknown(Draft& draft, const View& view) {
  for (const ServiceKey& key : subscribed_) {
    if (view.release.bundles.contains(key)) continue;
    Told& told = told_[key];
    if (told.unknown) continue;
    if (!told.hash.empty()) *draft.delta.add_removed() = wire::ToProto(key);
    told = {};
    told.unknown = true;
    *draft.delta.add_unknown() = wire::ToProto(key);
  }
}

void Session::AddRemoved(Draft& draft) {
  for (auto it = told_.begin(); it != told_.end();) {
    if (draft.wanted.contains(it->first) || subscribed_.contains(it->first)) {
      ++it;
      continue;
    }
    if (!it->second.hash.empty() || it->second.has_endpoints)
      *draft.delta.add_removed() = wire::ToProto(it->first);
    it = told_.erase(it);
  }
}

std::optional<v1::ControlMessage> Session::NextCommand() {
  v1::ControlMessage message;
  if (accept_) {
    accept_ = false;
    message.mutable_command()->mutable_accept_resync();
    return message;
  }
  if (!drain_) return std::nullopt;
  message.mutable_command()->mutable_drain()->set_deadline_ns(*drain_ * 1'000'000);
  drain_.reset();
  return message;
}

std::optional<v1::ControlMessage> Session::Finish(Draft& draft, const View& view, TimePoint now) {
  v1::Delta& delta = draft.delta;
  const bool moved =
      !draft.blocked && (!info_.has_target() || wire::FromProto(info_.target()) != view.release.version);
  const bool configures = delta.full() || moved || delta.bundles_size() > 0 || delta.removed_size() > 0;
  if (!configures && delta.endpoints_size() == 0 && delta.unknown_size() == 0) return std::nullopt;
  if (configures && !draft.blocked) {
    *delta.mutable_version() = wire::ToProto(view.release.version);
    *info_.mutable_target() = delta.version();
  }
  greeted_ = true;
  delta.set_sequence(++sequence_);
  if (unacked_.empty()) last_progress_ = now;
  unacked_.insert(sequence_);
  v1::ControlMessage message;
  *message.mutable_delta() = std::move(delta);
  return message;
}

}  // namespace weft::stream
