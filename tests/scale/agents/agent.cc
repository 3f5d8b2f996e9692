#include "tests/scale/agents/agent.h"

#include <algorithm>
#include <charconv>

#include "common/wire/wire.h"

namespace weft::scale {
namespace {

// As in agent/dial/stream.h and dialer.cc.
constexpr Duration kConnectLimit = std::chrono::seconds(5);
constexpr Duration kStable = std::chrono::seconds(10);
constexpr Duration kPingEvery = std::chrono::seconds(30);
constexpr Duration kPingLimit = std::chrono::seconds(5);

std::string NameOf(std::uint32_t service) { return "s" + std::to_string(service); }

v1::ServiceKey KeyOf(const std::string& ns, std::uint32_t service) {
  v1::ServiceKey key;
  key.set_namespace_(ns);
  key.set_name(NameOf(service));
  return key;
}

}  // namespace

Agent::Agent(Host& host, Counts& counts, const Target& target, int epoll, Options options)
    : host_(host),
      counts_(counts),
      target_(target),
      epoll_(epoll),
      options_(std::move(options)),
      backoff_(Rng(7, options_.number)),
      rng_(11, options_.number),
      held_(options_.services.size()) {}

Agent::~Agent() = default;

void Agent::Connect() {
  ended_.reset();
  ++attempt_;
  ++counts_.attempts;
  open_ = false;
  const std::uint32_t source = (1 + options_.number / 250) * 256 + 1 + options_.number % 250;
  connection_ = std::make_unique<Connection>(epoll_, std::uint64_t{options_.number} << 32 | attempt_, target_,
                                             source, *this);
  connection_->Pause(paused_);
  host_.After(kConnectLimit, *this, Host::Timer::kConnectLimit);
}

void Agent::OnReady(std::uint32_t attempt) {
  if (attempt != attempt_ || !connection_) return;
  heard_at_ = host_.Now();
  connection_->OnReady();
}

void Agent::OnTimer(Host::Timer timer, std::uint32_t attempt) {
  if (attempt != attempt_) return;
  switch (timer) {
    case Host::Timer::kConnect:
      if (!connection_) Connect();
      return;
    case Host::Timer::kConnectLimit:
      if (connection_ && !open_) OnEnd("no connection within 5 s", -1);
      return;
    case Host::Timer::kPing:
      if (!connection_) return;
      if (const Duration since = host_.Now() - heard_at_; since < kPingEvery)
        return host_.After(kPingEvery - since, *this, Host::Timer::kPing);
      pinged_ = true;
      connection_->Ping();
      return host_.After(kPingLimit, *this, Host::Timer::kPingLimit);
    case Host::Timer::kPingLimit:
      if (!connection_) return;
      if (pinged_ && !paused_) return OnEnd("a ping was not answered within 5 s", -1);
      return host_.After(kPingEvery - kPingLimit, *this, Host::Timer::kPing);
  }
}

void Agent::Pause(bool paused) {
  paused_ = paused;
  if (connection_) connection_->Pause(paused);
}

void Agent::Drop() {
  if (!connection_) return;
  Lose();
  ended_.reset();
  Connect();
}

void Agent::OnOpen() {
  open_ = true;
  ++counts_.opened;
  opened_at_ = heard_at_ = host_.Now();
  v1::AgentMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node_id(options_.node);
  hello.set_namespace_(options_.ns);
  hello.set_service(options_.service);
  hello.set_program_version("scale");
  if (version_.revision() > 0) *hello.mutable_version() = version_;
  for (std::size_t i = 0; i < held_.size(); ++i) {
    v1::HeldService& held = *hello.add_held();
    *held.mutable_service() = KeyOf(options_.ns, options_.services[i]);
    held.set_bundle_hash(held_[i].hash);
    if (!held_[i].has_endpoints) continue;
    held.set_endpoints_store_id(store_id_);
    held.set_endpoints_epoch(epoch_);
    held.set_endpoints_version(held_[i].endpoints_version);
    held.set_endpoints_hash(held_[i].endpoints_hash);
  }
  connection_->Send(message.SerializeAsString());
  host_.After(kPingEvery, *this, Host::Timer::kPing);
}

void Agent::OnMessage(std::string_view bytes) {
  static v1::ControlMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    ++counts_.wrong;
    return;
  }
  counts_.bytes += bytes.size();
  if (message.has_delta()) Apply(message.delta());
}

Agent::Held* Agent::Find(const std::string& service) {
  std::uint32_t number = 0;
  const auto read = std::from_chars(service.data() + 1, service.data() + service.size(), number);
  if (service.empty() || service[0] != 's' || read.ec != std::errc()) return nullptr;
  const auto found = std::lower_bound(options_.services.begin(), options_.services.end(), number);
  if (found == options_.services.end() || *found != number) return nullptr;
  return &held_[static_cast<std::size_t>(found - options_.services.begin())];
}

void Agent::TakeBundle(const v1::BundleUpdate& update, v1::Ack& ack) {
  Held* held = Find(update.service().name());
  if (held == nullptr || wire::Sha256Hex(update.bundle()) != update.hash()) {
    ++counts_.wrong;
    return;
  }
  held->hash = update.hash();
  v1::BundleAck& accepted = *ack.add_accepted();
  *accepted.mutable_service() = update.service();
  accepted.set_hash(update.hash());
}

void Agent::Apply(const v1::Delta& delta) {
  static v1::AgentMessage answer;
  answer.Clear();
  v1::Ack& ack = *answer.mutable_ack();
  ++counts_.deltas;
  counts_.fulls += delta.full() ? 1 : 0;
  counts_.bundles += static_cast<std::uint64_t>(delta.bundles_size());
  counts_.unchanged += static_cast<std::uint64_t>(delta.unchanged_size());
  counts_.endpoints += static_cast<std::uint64_t>(delta.endpoints_size());
  counts_.unknown += static_cast<std::uint64_t>(delta.unknown_size());
  counts_.removed += static_cast<std::uint64_t>(delta.removed_size());
  spread_ = Duration(delta.reconnect_spread_ns());
  for (const v1::BundleUpdate& update : delta.bundles()) TakeBundle(update, ack);
  for (const v1::Endpoints& update : delta.endpoints()) {
    Held* held = Find(update.service().name());
    if (held == nullptr) {
      ++counts_.wrong;
      continue;
    }
    held->has_endpoints = true;
    held->endpoints_version = update.version();
    held->endpoints_hash = wire::HashInstances(update.instances());
    store_id_ = update.store_id();
    epoch_ = update.epoch();
  }
  if (delta.has_version()) {
    if (delta.version().revision() < version_.revision()) ++counts_.going_back;
    version_ = delta.version();
    *ack.mutable_target() = version_;
  }
  if (version_.revision() > 0) *ack.mutable_effective() = version_;
  ack.set_sequence(delta.sequence());
  connection_->Send(answer.SerializeAsString());
  if (!synced_) {
    synced_ = true;
    host_.OnSynced(1);
  }
  host_.OnAck(*this, delta);
}

void Agent::Lose() {
  if (synced_) host_.OnSynced(-1);
  synced_ = open_ = pinged_ = false;
  ended_ = std::move(connection_);
}

void Agent::OnEnd(const std::string& why, std::int64_t pushback_ms) {
  ++counts_.ends[why];
  if (open_ && host_.Now() - opened_at_ >= kStable) backoff_.Reset();
  Duration wait = backoff_.Next() + std::chrono::milliseconds(std::max<std::int64_t>(0, pushback_ms));
  if (synced_)
    wait += Duration(static_cast<std::int64_t>(
        rng_.Below(Purpose::kReconnectSpread, static_cast<std::uint64_t>(spread_.count()))));
  Lose();
  host_.After(wait, *this, Host::Timer::kConnect);
}

}  // namespace weft::scale
