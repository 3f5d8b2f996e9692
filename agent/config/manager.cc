#include "agent/config/manager.h"

#include "common/wire/wire.h"

namespace weft::config {
namespace {

constexpr Duration kCacheDelay = std::chrono::milliseconds(250);  // changes within it are written together
constexpr Duration kCacheRefresh = std::chrono::minutes(10);  // so that the file's time stays near the truth

}  // namespace

Manager::Manager(cold::Cold& cold, ManagerOptions options, ManagerHooks hooks, std::unique_ptr<Link> link)
    : cold_(cold),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      link_(std::move(link)),
      builder_([this] { return subscribed_; }),
      alive_(std::make_shared<bool>(true)) {
  status_.source = "none";
}

Manager::~Manager() { *alive_ = false; }

std::function<void()> Manager::Guarded(std::function<void()> work) {
  return [alive = alive_, work = std::move(work)] {
    if (*alive) work();
  };
}

void Manager::Start() {
  current_at_ = cold_.Now();
  subscribed_.insert(options_.initial.begin(), options_.initial.end());
  if (!options_.cache_path.empty()) {
    LoadCache();
    RefreshCacheLater();
  }
  Link::Callbacks callbacks;
  callbacks.on_delta = [this](const snapshot::Delta& delta) { OnDelta(delta); };
  callbacks.on_malformed = [this](std::uint64_t sequence, const Error& error) {
    OnMalformed(sequence, error);
  };
  callbacks.on_state = [this](LinkState state, const std::string& why) { OnState(state, why); };
  callbacks.on_command = [this](const Command& command) { OnCommand(command); };
  callbacks.holding = [this] { return MakeHolding(); };
  callbacks.on_found = [this](const net::Address& address, const std::optional<ServiceKey>& service) {
    OnFound(address, service);
  };
  link_->Start(std::move(callbacks));
}

void Manager::Stop() {
  link_->Stop();
  if (cache_due_) SaveCache();
  *alive_ = false;
}

void Manager::LoadCache() {
  Result<Cached> cached = ReadCache(options_.cache_path, options_.cache_max_age, cold_.WallNow());
  if (!cached) {
    if (cached.error().kind == ErrorKind::kNotFound) return;
    ++status_.cache_failures;
    return hooks_.log(true, "the cached configuration is not used: " + cached.error().Text());
  }
  const Duration age = std::max(Duration::zero(), Duration(cold_.WallNow() - cached->at));
  for (const ServiceKey& key : cached->subscriptions) {
    if (subscribed_.size() < options_.max_subscriptions) subscribed_.insert(key);
  }
  const snapshot::Outcome outcome = builder_.Restore(std::move(cached->parts));
  if (outcome.refused) {
    ++status_.cache_failures;
    return hooks_.log(true, "the cached configuration is not used: " + outcome.refused->Text());
  }
  current_at_ = cold_.Now() - age;
  status_.source = "cache";
  hooks_.log(false, "configuration " + builder_.parts().version.ToString() + " from " + options_.cache_path);
  hooks_.install(outcome.snapshot);
}

void Manager::OnDelta(const snapshot::Delta& delta) {
  const snapshot::Outcome outcome = builder_.Apply(delta);
  Conclude(delta, outcome);
  link_->Acknowledge(MakeAck(delta, outcome));
}

void Manager::OnMalformed(std::uint64_t sequence, const Error& error) {
  snapshot::Delta delta;
  delta.sequence = sequence;
  snapshot::Outcome outcome;
  outcome.refused = error;
  Report(outcome);
  link_->Acknowledge(MakeAck(delta, outcome));
}

// Workers get the snapshot before waiting requests hear of it.
void Manager::Conclude(const snapshot::Delta& delta, const snapshot::Outcome& outcome) {
  Report(outcome);
  if (outcome.snapshot) {
    ++status_.applied;
    status_.source = "link";
    hooks_.install(outcome.snapshot);
    CacheSoon();
  }
  for (const ServiceKey& key : delta.unknown) Deny(key);
  for (const ServiceKey& key : delta.removed) Deny(key);
  if (delta.full && !outcome.refused && !outcome.awaiting) {
    for (const ServiceKey& key : std::set<ServiceKey>(subscribed_)) {
      if (!waiting_.contains(key)) Deny(key);
    }
  }
  AnswerHeld();
}

// There is no such service now; asked again after kNegative.
void Manager::Deny(const ServiceKey& key) {
  if (Holds(key) || !subscribed_.contains(key)) return;
  unknown_[key] = cold_.Now() + kNegative;
  cold_.After(kNegative, Guarded([this, key] { Forget(key); }));
  Answer(key, false);
}

void Manager::Report(const snapshot::Outcome& outcome) {
  status_.rejected_bundles += outcome.rejected.size();
  for (const snapshot::Refusal& refusal : outcome.rejected) {
    status_.last_refusal = refusal.service.ToString() + ": " + refusal.error.Text();
    hooks_.log(true, "bundle refused, its last good version stays: " + status_.last_refusal);
  }
  if (outcome.refused) {
    ++status_.rejected_deltas;
    status_.last_refusal = outcome.refused->Text();
    hooks_.log(true, "configuration refused, the last good one stays: " + status_.last_refusal);
  }
  if (outcome.awaiting && !status_.awaiting) {
    hooks_.log(true,
               "a new store would remove more than half of the services in use; the last good configuration "
               "stays until it is confirmed with: weftctl agents accept");
  }
  status_.awaiting = builder_.waiting().has_value();
}

Acknowledgement Manager::MakeAck(const snapshot::Delta& delta, const snapshot::Outcome& outcome) const {
  Acknowledgement ack;
  ack.sequence = delta.sequence;
  ack.target = delta.version;
  ack.effective = builder_.effective();
  ack.accepted = outcome.accepted;
  ack.rejected = outcome.rejected;
  ack.refused = outcome.refused;
  ack.awaiting = outcome.awaiting;
  for (const auto& [key, refusal] : builder_.refusals()) ack.behind.push_back(VersionOf(key));
  return ack;
}

void Manager::OnState(LinkState state, const std::string& why) {
  const bool was_connected = status_.link == LinkState::kConnected;
  const bool is_connected = state == LinkState::kConnected;
  if (was_connected && !is_connected) {
    current_at_ = cold_.Now();
    CacheSoon();
  }
  if (is_connected && !was_connected) {
    hooks_.log(false, "the source of configuration is there");
    for (const auto& [address, waiters] : finding_) link_->FindAddress(address);
  }
  if (state == LinkState::kWaiting && why != status_.link_problem) {
    hooks_.log(true, "no source of configuration, the last good one stays: " + why);
  }
  status_.link = state;
  if (is_connected) status_.link_problem.clear();
  if (state == LinkState::kWaiting) status_.link_problem = why;
  if (state != LinkState::kWaiting) return;
  while (!waiting_.empty()) Answer(ServiceKey(waiting_.begin()->first), false);
  while (!finding_.empty()) OnFound(net::Address(finding_.begin()->first), std::nullopt);
}

void Manager::OnCommand(const Command& command) {
  if (command.kind == Command::Kind::kDrain) return hooks_.drain(command.deadline);
  if (!builder_.waiting()) return;
  const snapshot::Delta delta = *builder_.waiting();
  const snapshot::Outcome outcome = builder_.Accept(command.store_id);
  if (!outcome.snapshot && !outcome.refused) return;  // another store waits
  Conclude(delta, outcome);
  link_->Acknowledge(MakeAck(delta, outcome));
}

void Manager::Need(const ServiceKey& key, std::function<void(bool)> done) {
  cold_.Post(Guarded([this, key, done = std::move(done)]() mutable { Admit(key, std::move(done)); }));
}

void Manager::Admit(const ServiceKey& key, std::function<void(bool)> done) {
  if (Holds(key)) return done(true);
  const auto negative = unknown_.find(key);
  if (!link_->on_demand() || (negative != unknown_.end() && cold_.Now() < negative->second))
    return done(false);
  const bool fresh = !subscribed_.contains(key);
  if ((fresh && subscribed_.size() >= options_.max_subscriptions) || waiters_ >= options_.max_waiting) {
    ++status_.overflows;
    return done(false);
  }
  if (fresh) {
    subscribed_.insert(key);
    link_->Subscribe(std::span(&key, 1));
  }
  if (status_.link == LinkState::kWaiting) return done(false);
  Hold(waiting_, key, std::move(done), [this, key] { Answer(key, false); });
}

// For as long as somebody may wait; then it is `late` for all who wait for the same.
template <class Key, class Late>
void Manager::Hold(std::map<Key, std::vector<Waiter>>& waiting, const Key& key,
                   std::function<void(bool)> done, Late late) {
  const std::uint64_t id = ++next_waiter_;
  waiting[key].push_back({id, std::move(done)});
  ++waiters_;
  cold_.After(kHold, Guarded([&waiting, key, id, late] {
                const auto found = waiting.find(key);
                if (found != waiting.end() && found->second.front().id <= id) late();
              }));
}

void Manager::NeedAddress(const net::Address& address, std::function<void(bool)> done) {
  cold_.Post(
      Guarded([this, address, done = std::move(done)]() mutable { AdmitAddress(address, std::move(done)); }));
}

void Manager::AdmitAddress(const net::Address& address, std::function<void(bool)> done) {
  if (builder_.snapshot() && builder_.snapshot()->by_address.contains(address)) return done(true);
  if (!link_->on_demand() || status_.link == LinkState::kWaiting) return done(false);
  if (waiters_ >= options_.max_waiting) {
    ++status_.overflows;
    return done(false);
  }
  if (!finding_.contains(address)) link_->FindAddress(address);
  Hold(finding_, address, std::move(done), [this, address] { OnFound(address, std::nullopt); });
}

void Manager::OnFound(const net::Address& address, const std::optional<ServiceKey>& service) {
  auto node = finding_.extract(address);
  if (node.empty()) return;
  waiters_ -= node.mapped().size();
  for (Waiter& waiter : node.mapped()) {
    if (service) {
      Admit(*service, std::move(waiter.done));
    } else {
      waiter.done(false);
    }
  }
}

void Manager::Answer(const ServiceKey& key, bool found) {
  auto node = waiting_.extract(key);
  if (node.empty()) return;
  waiters_ -= node.mapped().size();
  for (const Waiter& waiter : node.mapped()) waiter.done(found);
}

void Manager::AnswerHeld() {
  std::vector<ServiceKey> ready;
  for (const auto& [key, waiters] : waiting_) {
    if (Holds(key)) ready.push_back(key);
  }
  for (const ServiceKey& key : ready) Answer(key, true);
  std::erase_if(unknown_, [this](const auto& entry) { return Holds(entry.first); });
}

// A negative answer has lapsed: the next request asks again. What the program was told to watch stays
// subscribed.
void Manager::Forget(const ServiceKey& key) {
  const auto negative = unknown_.find(key);
  if (negative == unknown_.end() || cold_.Now() < negative->second) return;
  unknown_.erase(negative);
  const auto& initial = options_.initial;
  if (Holds(key) || std::find(initial.begin(), initial.end(), key) != initial.end()) return;
  subscribed_.erase(key);
  link_->Unsubscribe(std::span(&key, 1));
}

bool Manager::Holds(const ServiceKey& key) const {
  return builder_.snapshot() && builder_.snapshot()->Find(key) != nullptr;
}

HeldVersion Manager::VersionOf(const ServiceKey& key) const {
  HeldVersion out;
  out.service = key;
  const auto found = builder_.parts().services.find(key);
  if (found == builder_.parts().services.end()) return out;
  const snapshot::Held& held = found->second;
  if (held.bundle) out.hash = held.bundle->hash;
  if (held.endpoints.endpoints) {
    out.endpoints_store = held.endpoints.store_id;
    out.endpoints_epoch = held.endpoints.epoch;
    out.endpoints_version = held.endpoints.endpoints->version;
  }
  return out;
}

std::vector<HeldVersion> Manager::held() const {
  std::vector<HeldVersion> out;
  for (const auto& [key, held] : builder_.parts().services) out.push_back(VersionOf(key));
  return out;
}

Holding Manager::MakeHolding() const {
  Holding out;
  if (builder_.snapshot()) out.version = builder_.parts().version;
  for (const ServiceKey& key : subscribed_) out.services.push_back(VersionOf(key));
  for (const auto& [key, held] : builder_.parts().services) {
    if (!subscribed_.contains(key)) out.services.push_back(VersionOf(key));
  }
  for (HeldVersion& held : out.services) {
    const auto found = builder_.parts().services.find(held.service);
    if (found != builder_.parts().services.end() && found->second.endpoints.endpoints)
      held.endpoints_hash = wire::HashInstances(found->second.endpoints.endpoints->instances);
  }
  out.awaiting = builder_.waiting().has_value();
  return out;
}

ManagerStatus Manager::status() const {
  ManagerStatus out = status_;
  out.effective = builder_.effective();
  if (builder_.snapshot()) out.target = builder_.parts().version;
  const bool current = status_.link == LinkState::kConnected && !status_.awaiting;
  out.age = current ? Duration::zero() : cold_.Now() - current_at_;
  out.subscriptions = subscribed_.size();
  out.waiting = waiters_;
  return out;
}

void Manager::CacheSoon() {
  if (options_.cache_path.empty() || !builder_.snapshot() || cache_due_) return;
  cache_due_ = true;
  cold_.After(kCacheDelay, Guarded([this] {
                if (cache_due_) SaveCache();
              }));
}

void Manager::SaveCache() {
  cache_due_ = false;
  Cached cached;
  cached.at = cold_.WallNow() - status().age;
  cached.parts = builder_.parts();
  for (const ServiceKey& key : subscribed_) {
    if (!unknown_.contains(key)) cached.subscriptions.push_back(key);
  }
  const Status written = WriteCache(options_.cache_path, cached);
  if (written) return;
  ++status_.cache_failures;
  hooks_.log(true, "the configuration cannot be cached: " + written.error().Text());
}

void Manager::RefreshCacheLater() {
  const Duration age = options_.cache_max_age;
  const Duration span = age > Duration::zero() ? std::min(kCacheRefresh, age / 4) : kCacheRefresh;
  cold_.After(std::max(span, kCacheDelay), Guarded([this] {
                if (status_.link == LinkState::kConnected) CacheSoon();
                RefreshCacheLater();
              }));
}

}  // namespace weft::config
