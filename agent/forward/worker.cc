#include "agent/forward/worker.h"

#include "agent/forward/ports.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/exchange/mirror.h"

namespace weft::forward {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr std::size_t kMostPorts = 1024;  // of the workload that are told apart

}  // namespace

Worker::Worker(WorkerOptions options, engine::Shared& shared, decision::Recorder* recorder,
               std::unique_ptr<report::Sink> sink, WorkerHooks hooks,
               const std::vector<std::unique_ptr<Listener>>& listeners)
    : io_(loop_, options.limits.head.head_bytes),
      sink_(std::move(sink)),
      engine_(options.engine, shared, recorder),
      pool_(io_, engine_, *sink_, options.limits.head),
      env_(io_, engine_, pool_, *sink_, options.request_seed),
      tunnels_(io_, engine_, *sink_),
      hooks_(std::move(hooks)),
      index_(options.engine.worker),
      limits_(options.limits),
      listeners_(listeners) {
  if (hooks_.contexts != nullptr) {
    const auto told = [this](const tls::Handshake& ended) {
      const auto way = ended.server ? engine::Direction::kInbound : engine::Direction::kOutbound;
      sink_->Handshook(way, ended.resumed, ended.reason);
    };
    tls_ = std::make_unique<tls::Wire>(loop_, *hooks_.contexts, told, ReadWallClock);
    io_.tls = tls_.get();
  }
  env_.subscribe = [this](std::string_view authority, const engine::Origin& origin) {
    return hooks_.need ? hooks_.need(index_, authority, origin) : exchange::Asked{};
  };
  env_.pass_through = [this](stream::ServerStream& client, const engine::Origin& origin, std::string bytes) {
    connection::Handed handed = TakeSocket(client);
    handed.unread = std::move(bytes) + handed.unread;
    Relay(std::move(handed), origin, {});
  };
  env_.tunnels = &tunnels_;
  env_.join = [this](stream::ServerStream& client, tunnel::Relay& relay, const engine::Origin& origin,
                     std::string_view greeting) {
    const tunnel::Tunnels::Closed closed = AtEndOf(client, origin);
    tunnels_.Join(relay, TakeSocket(client), greeting, closed);
  };
  env_.splice = [this](stream::ServerStream& client, connection::Handed server, engine::Target& target,
                       Duration idle, const engine::Origin& origin) {
    const tunnel::Tunnels::Closed closed = AtEndOf(client, origin);
    tunnels_.Splice(TakeSocket(client), std::move(server), target, idle, origin, closed);
  };
  for (const auto& listener : listeners) {
    const bool outbound = listener->direction == engine::Direction::kOutbound;
    (outbound ? env_.outbound_listeners : env_.inbound_listeners).push_back(listener->listen);
  }
  tick_.Bind(
      loop_.timers(), [](void* self, TimePoint) { static_cast<Worker*>(self)->Tick(); }, this);
  tick_.Set(loop_.now() + kTick);
}

Worker::~Worker() {
  CloseAll();
  while (!serving_.empty()) (*serving_.begin())->Cut();
  while (!serving_http2_.empty()) (*serving_http2_.begin())->Cut();
  exchange::Mirror::DropAll(env_);
}

// --- connections ---

void Worker::Adopt(int fd, const net::Address& peer, const Listener& on) {
  connection::Handed client{transport::PlainTransport(fd), {}, {}};
  engine::Origin origin = OriginOf(on, fd, peer);
  origin.place = engine_.TakeAddress(origin);
  sink_->Opened(origin.direction);
  if (on.transparent &&
      IsOwn(origin.original, client.transport->local().ip)) {  // it would come back to us for ever
    client.transport->Close(true);
    return Gone(origin);
  }
  if (on.accept_proxy) return AwaitProxyHeader(std::move(client), origin);
  if (on.IsOpaque(origin.original.port)) return Relay(std::move(client), origin, {});
  Open(std::move(client), origin);
}

engine::Origin Worker::OriginOf(const Listener& on, int fd, const net::Address& peer) {
  engine::Origin origin;
  origin.direction = on.direction;
  origin.peer = peer;
  origin.application = on.application;
  origin.proxy_protocol = on.send_proxy;
  origin.allow_passthrough = on.transparent && on.direction == engine::Direction::kOutbound;
  if (on.transparent) origin.original = transport::OriginalDestination(fd);
  if (on.service) origin.fixed = &KeyOf(on, origin.original);
  return origin;
}

bool Worker::IsOwn(const net::Address& address, const net::Ip& here) const {
  return std::any_of(listeners_.begin(), listeners_.end(), [&](const auto& listener) {
    const net::Address& own = listener->listen;
    return own.port == address.port &&
           (own.ip == address.ip || (own.ip.IsAny() && (address.ip.IsLoopback() || address.ip == here)));
  });
}

void Worker::Serve(std::unique_ptr<transport::Transport> transport, const engine::Origin& origin,
                   std::string_view first) {
  auto* connection = new connection::ServerConnection(io_, std::move(transport), origin, limits_, *this);
  serving_.insert(connection);
  if (connection->Start(first)) return;
  Closed(*connection);
  connection->Destroy();
}

// Its bytes cannot be put together again, so a stranger's are relayed as they come.
void Worker::ServeHttp2(std::unique_ptr<transport::Transport> transport, const engine::Origin& origin,
                        std::string_view first) {
  if (origin.allow_passthrough && engine_.BackendOf(origin, loop_.now()) == nullptr) {
    if (env_.subscribe) env_.subscribe({}, origin);
    return Relay({std::move(transport), std::string(first), {}}, origin, {});
  }
  auto* connection = new connection::Http2Server(io_, std::move(transport), origin, limits_, *this);
  serving_http2_.insert(connection);
  if (connection->Start(first)) return;
  Closed(*connection);
  connection->Destroy();
}

void Worker::SpeaksHttp2(connection::ServerConnection& connection, std::string_view bytes) {
  const std::string first(bytes);  // also what HandOver calls unread
  const engine::Origin origin = connection.origin();
  ServeHttp2(TakeSocket(connection).transport, origin, first);
}

void Worker::Relay(connection::Handed client, const engine::Origin& origin, tunnel::Stream stream) {
  if (origin.place == engine::Place::kRefused) {
    client.transport->Close(true);
    return Gone(origin);
  }
  tunnels_.Start(std::move(client), origin, std::move(stream), [this, origin] { Gone(origin); });
}

// Of a connection whose request turned into a stream; or the stream itself, when it has others.
connection::Handed Worker::TakeSocket(stream::ServerStream& client) {
  if (client.multiplexed()) return static_cast<connection::Http2ServerStream&>(client).HandOver();
  auto& connection = static_cast<connection::ServerConnection&>(client);
  serving_.erase(&connection);
  return connection.HandOver();
}

// A connection whose stream was taken is still there.
tunnel::Tunnels::Closed Worker::AtEndOf(const stream::ServerStream& client, const engine::Origin& origin) {
  if (client.multiplexed()) return {};
  return [this, origin] { Gone(origin); };
}

void Worker::Gone(const engine::Origin& origin) {
  connections_.fetch_sub(1, std::memory_order_relaxed);
  engine_.ReturnAddress(origin);
  sink_->Closed(origin.direction);
}

// --- requests ---

stream::RequestEvents* Worker::Begin(stream::ServerStream& from, const engine::Origin& origin,
                                     message::RequestHead& head, std::string_view raw, message::Body body) {
  return exchange::Exchange::Begin(env_, {&from, &origin}, head, raw, body);
}

void Worker::Refuse(stream::ServerStream& from, const engine::Origin& origin, Reason reason) {
  exchange::Exchange::Refuse(env_, {&from, &origin}, reason);
}

void Worker::Closed(connection::ServerConnection& connection) {
  serving_.erase(&connection);
  Gone(connection.origin());
}

void Worker::Closed(connection::Http2Server& connection) {
  serving_http2_.erase(&connection);
  Gone(connection.origin());
}

bool Worker::Draining(const engine::Origin& origin) const {
  return env_.draining && origin.direction == engine::Direction::kInbound;
}

// --- configuration, drain, time ---

void Worker::Install(snapshot::SnapshotPtr snapshot) {
  engine_.Install(std::move(snapshot), loop_.now());
  for (auto& [place, key] : fixed_) ResolvePort(place, key);
  RetryHeld();
}

// Ports may be given by name, or by where the workload listens: a snapshot turns both into numbers.
void Worker::ResolvePort(const Place& place, BackendKey& key) const {
  const snapshot::Snapshot* known = engine_.snapshot();
  const snapshot::Service* service = known == nullptr ? nullptr : known->Find(key.service);
  if (service != nullptr) key.port = PortOf(*service, place.first->port, place.second);
}

// Origins point at what this returns for as long as they live.
const BackendKey& Worker::KeyOf(const Listener& on, const net::Address& original) {
  Place place{&on, on.transparent && on.port.empty() ? original.port : std::uint16_t{0}};
  if (fixed_.size() >= listeners_.size() + kMostPorts && !fixed_.contains(place)) place.second = 0;
  const auto [known, is_new] = fixed_.try_emplace(place, BackendKey{*on.service, 0});
  if (is_new) ResolvePort(place, known->second);
  return known->second;
}

void Worker::Install(engine::ViewPtr view) { engine_.Install(std::move(view), loop_.now()); }

void Worker::AnswerHeld(const std::string& authority) {
  const std::vector<exchange::Exchange*> held = env_.held;  // Retry takes itself out
  for (exchange::Exchange* exchange : held) {
    if (exchange->authority() == authority) exchange->Retry(true);
  }
}

void Worker::AnswerAddress(const net::Address& address) {
  auto node = searching_.extract(address);
  if (node.empty()) return;
  for (Searching& one : node.mapped()) OpenKnown(std::move(one.client), one.origin);
}

void Worker::RetryHeld() {
  const std::vector<exchange::Exchange*> held = env_.held;  // Retry takes itself out
  for (exchange::Exchange* exchange : held) exchange->Retry(false);
}

engine::Target* Worker::Find(const BackendKey& backend, std::uint64_t instance) {
  for (const auto& each : engine_.backends()) {
    if (each->inbound || !(each->key == backend)) continue;
    for (const auto& target : each->targets) {
      if (target->hash == instance && !target->removed) return target.get();
    }
  }
  return nullptr;
}

bool Worker::Checked(const BackendKey& backend, std::uint64_t instance, bool passed, Duration took) {
  engine::Target* target = Find(backend, instance);
  if (target == nullptr) return false;
  engine_.Checked(*target, passed, took, loop_.now());
  return true;
}

void Worker::BeginDrain() {
  env_.draining = true;
  for (connection::Http2Server* connection : serving_http2_) {
    if (Draining(connection->origin())) connection->Drain();
  }
}

void Worker::CloseAll() {
  accept::Opening::CloseAll(opening_);
  accept::Securing::CloseAll(securing_);
  for (auto& [address, waiting] : std::exchange(searching_, {})) {
    for (Searching& one : waiting) {
      one.client.transport->Close(true);
      Gone(one.origin);
    }
  }
  for (connection::ServerConnection* connection : std::vector(serving_.begin(), serving_.end())) {
    if (!serving_.contains(connection)) continue;  // it closed because another one did
    stream::RequestEvents* exchange = connection->exchange();
    connection->CloseSoon();
    if (exchange != nullptr) static_cast<exchange::Exchange*>(exchange)->Abort();
  }
  for (connection::Http2Server* connection : std::vector(serving_http2_.begin(), serving_http2_.end())) {
    if (!serving_http2_.contains(connection)) continue;
    connection->CloseSoon();
    for (stream::RequestEvents* exchange : connection->exchanges())
      static_cast<exchange::Exchange*>(exchange)->Abort();
  }
  tunnels_.CloseAll();
}

void Worker::Tick() {
  const TimePoint now = loop_.now();
  pool_.Sweep();
  engine::WorkerDelta delta = engine_.Tick(now);
  if (hooks_.publish) hooks_.publish(std::move(delta));
  for (const auto& [key, direction] : engine_.TakeForgotten()) sink_->Forgot(key, direction);
  sink_->Flush(now);
  requests_.store(env_.active + tunnels_.size(), std::memory_order_relaxed);
  inbound_requests_.store(env_.active_inbound + tunnels_.inbound(), std::memory_order_relaxed);
  tick_.Set(now + kTick);
}

}  // namespace weft::forward
