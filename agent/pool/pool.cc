#include "agent/pool/pool.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/pool/slot.h"

namespace weft::pool {
namespace {

using connection::ClientConnection;
using engine::Outcome;

constexpr Duration kApplicationIdle = std::chrono::seconds(4);  // Node and uvicorn close at 5 s
constexpr Duration kUnrepeatableIdle = std::chrono::seconds(1);
constexpr Duration kSettled = std::chrono::seconds(1);    // idle this long above maxKeepalive: not needed
constexpr Duration kAbandoned = std::chrono::seconds(1);  // for the rest of an answer nobody wants
constexpr Duration kPoll = std::chrono::milliseconds(5);
constexpr std::size_t kPreconnectEvery = 10;  // sweeps

}  // namespace

bool IsOld(Duration most, const TimePoint& opened, TimePoint now) {
  if (most <= Duration::zero()) return false;
  const auto sixteenths = static_cast<int>(HashBytes({reinterpret_cast<const char*>(&opened), 8}) % 16);
  return now - opened >= most - most / 5 * sixteenths / 16;
}

Pool::Pool(connection::Io& io, engine::Engine& engine, report::Sink& sink, http1::Limits limits)
    : io_(io), engine_(engine), sink_(sink), limits_(limits) {
  poll_.Bind(
      io.loop.timers(), [](void* self, TimePoint) { static_cast<Pool*>(self)->Poll(); }, this);
}

Pool::~Pool() {
  for (const auto& slot : slots_) {
    while (!slot->all.empty()) slot->all.back()->Close(slot->all.back()->busy());
    while (!slot->shared.empty()) slot->shared.back()->Close();
    slot->target->user = nullptr;
  }
}

Pool::Slot& Pool::SlotOf(engine::Target& target) {
  if (target.user == nullptr) {
    slots_.push_back(std::make_unique<Slot>());
    slots_.back()->target = &target;
    target.user = slots_.back().get();
  }
  return *static_cast<Slot*>(target.user);
}

std::size_t Pool::idle() const {
  std::size_t count = 0;
  for (const auto& slot : slots_) count += slot->idle.size();
  return count;
}

Loan Pool::Acquire(engine::Target& target, Waiter& waiter, Demand demand) {
  Slot& slot = SlotOf(target);
  waiter.place.queued = Duration::zero();
  if (demand.http2) return AcquireStream(slot, waiter, demand.switches);
  if (ClientConnection* connection = TakeIdle(slot, demand); connection != nullptr) {
    sink_.Lent(*target.backend, true, Duration::zero());
    return {connection, true};
  }
  waiter.place.target = &target;
  if (TryOpen(slot, demand)) {
    Open(slot, &waiter);
    return {};
  }
  if (CanPend(slot, waiter)) slot.waiting.push_back(waiter);
  return {};
}

// Takes a place in the queue; false: there is none, and the waiter has heard so.
bool Pool::CanPend(Slot& slot, Waiter& waiter) {
  const bool never = slot.target->backend->policy->connection_pool.max_pending == 0;
  if (never || !engine_.TryPend(*slot.target->backend)) {
    waiter.place.target = nullptr;
    waiter.OnRefused(Outcome::kLocal, never ? Reason::kConnectionOverflow : Reason::kPendingOverflow);
    return false;
  }
  waiter.place.since = io_.loop.now();
  if (!poll_.armed()) poll_.Set(io_.loop.now() + kPoll);
  return true;
}

// Takes the instance's cap; an idle connection that this request must not use makes room.
bool Pool::TryOpen(Slot& slot, const Demand& demand) {
  if (engine_.TryConnect(*slot.target)) return true;
  if (slot.idle.empty() || (!demand.fresh && demand.repeatable)) return false;
  slot.idle.front()->Close();
  return engine_.TryConnect(*slot.target);
}

// Another worker's connection does not tell us when it closes.
void Pool::Poll() {
  bool waiting = false;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    ServeWaiters(*slots_[i]);
    ServeQueue(*slots_[i]);
    waiting |= !slots_[i]->waiting.empty() || !slots_[i]->queued.empty();
  }
  if (waiting) poll_.Set(io_.loop.now() + kPoll);
}

void Pool::Cancel(Waiter& waiter) {
  if (waiter.place.target == nullptr) return;
  engine::Target& target = *std::exchange(waiter.place.target, nullptr);
  if (waiter.place.shared) return CancelQueued(SlotOf(target), waiter);
  if (waiter.place.connecting != nullptr) {
    ClientConnection* connection = std::exchange(waiter.place.connecting, nullptr);
    connection->owner_data = nullptr;
    connection->Close();
    return;
  }
  Slot& slot = SlotOf(target);
  slot.waiting.erase(Queue::s_iterator_to(waiter));
  engine_.ReleasePend(*target.backend);
}

connection::Handed Pool::HandOver(stream::ClientStream& stream) {
  if (stream.multiplexed()) return static_cast<connection::Http2ClientStream&>(stream).HandOver();
  auto& connection = static_cast<ClientConnection&>(stream);
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  std::erase(slot.all, &connection);
  --open_;
  connection::Handed handed = connection.HandOver();
  if (!slot.target->application) return handed;
  engine_.TryStream(*slot.target);  // before its place goes, so that the target stays
  engine_.ReleaseConnection(*slot.target);
  ServeWaiters(slot);
  return handed;
}

ClientConnection* Pool::TakeIdle(Slot& slot, Demand demand) {
  if (demand.fresh || slot.idle.empty()) return nullptr;
  ClientConnection* connection = slot.idle.back();
  const bool application = !slot.target->meshed;
  if (!demand.repeatable && application && io_.loop.now() - connection->idle_since >= kUnrepeatableIdle)
    return nullptr;
  slot.idle.pop_back();
  return connection;
}

// Off the queue: its wait is over.
Waiter& Pool::TakeFirst(Slot& slot) {
  Waiter& waiter = slot.waiting.front();
  slot.waiting.pop_front();
  waiter.place.queued = io_.loop.now() - waiter.place.since;
  engine_.ReleasePend(*slot.target->backend);
  return waiter;
}

connection::Reached Pool::ReachTarget(const engine::Target& target) {
  connection::Reached reached = connection::Reach(io_, target);
  if (io_.tls != nullptr && reached.transport != nullptr && !target.application) {
    using report::Security;
    sink_.Secured(engine::Direction::kOutbound, reached.secured ? Security::kMtls : Security::kPlain);
  }
  return reached;
}

// The cap is taken already. False: the waiter has heard of the failure.
bool Pool::Open(Slot& slot, Waiter* waiter) {
  connection::Reached reached = ReachTarget(*slot.target);
  ClientConnection* connection = nullptr;
  if (reached.transport != nullptr) {
    connection = new ClientConnection(io_, std::move(reached.transport), limits_, *this);
    if (!connection->Start()) {
      connection->Destroy();
      connection = nullptr;
    }
  }
  if (connection == nullptr) {
    engine_.ReleaseConnection(*slot.target);
    waiter->place.target = nullptr;
    waiter->OnRefused(connection::OutcomeOf(reached.reason, *slot.target), WhyNot(reached.reason));
    return false;
  }
  ++open_;
  connection->opened = io_.loop.now();
  slot.all.push_back(connection);
  connection->owner_slot = &slot;
  connection->owner_data = waiter;
  waiter->place.connecting = connection;
  waiter->OnConnecting();
  return true;
}

void Pool::Lend(Slot& slot, Waiter& waiter, ClientConnection& connection, bool reused) {
  waiter.place.target = nullptr;
  waiter.place.connecting = nullptr;
  connection.owner_data = nullptr;
  sink_.Lent(*slot.target->backend, reused, waiter.place.queued);
  waiter.OnLent(connection, reused);
}

void Pool::OnConnected(ClientConnection& connection, int error) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  auto* waiter = static_cast<Waiter*>(std::exchange(connection.owner_data, nullptr));
  if (waiter != nullptr) waiter->place.connecting = nullptr;
  if (error == 0) {
    if (waiter != nullptr) return Lend(slot, *waiter, connection, false);
    return OnIdle(connection);
  }
  const Reason why = WhyNot(connection.failure());
  connection.Close();
  if (waiter == nullptr) return;
  waiter->place.target = nullptr;
  const bool timed_out = error == ETIMEDOUT;
  waiter->OnRefused(timed_out ? Outcome::kConnectTimeout : Outcome::kConnectFailed,
                    timed_out ? Reason::kConnectTimeout : why);
}

void Pool::OnIdle(ClientConnection& connection) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  connection.idle_since = io_.loop.now();
  // Workers share the instance's cap: a worker without a connection must get one in the end.
  const bool others_wait = engine_.OthersWait(*slot.target->backend);
  if (others_wait && (slot.waiting.empty() || connection.requests() % kShareEvery == 0))
    return connection.Close();
  if (!slot.waiting.empty()) {
    return Lend(slot, TakeFirst(slot), connection, true);
  }
  if (slot.target->removed) return connection.Close();
  slot.idle.push_back(&connection);
}

void Pool::OnClosed(ClientConnection& connection) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  std::erase(slot.idle, &connection);
  std::erase(slot.all, &connection);
  --open_;
  engine_.ReleaseConnection(*slot.target);
  ServeWaiters(slot);
}

void Pool::ServeWaiters(Slot& slot) {
  while (!slot.waiting.empty() && engine_.TryConnect(*slot.target)) {
    Open(slot, &TakeFirst(slot));
  }
}

Duration Pool::IdleLimit(const Slot& slot, const ClientConnection& connection) const {
  const policy::ConnectionPool& policy = slot.target->backend->policy->connection_pool;
  if (policy.keepalive_expiry_set) return policy.keepalive_expiry;
  if (slot.target->meshed) return kAgentIdle;
  const std::uint32_t hint = connection.keep_alive_seconds();
  return hint == 0 ? kApplicationIdle : std::min<Duration>(kApplicationIdle, std::chrono::seconds(hint - 1));
}

void Pool::SweepSlot(Slot& slot) {
  const TimePoint now = io_.loop.now();
  const bool gone = slot.target->removed || slot.target->state == engine::InstanceState::kEjected;
  const policy::ConnectionPool& policy = slot.target->backend->policy->connection_pool;
  slot.use.Sampled(slot.all.size() - slot.idle.size());
  const std::size_t spare = slot.all.size() - std::min(slot.all.size(), slot.use.Wanted());
  const std::size_t excess = slot.idle.size() - std::min<std::size_t>(slot.idle.size(), policy.max_keepalive);
  for (std::size_t i = slot.idle.size(); i-- > 0;) {
    ClientConnection& connection = *slot.idle[i];
    const bool old = IsOld(policy.max_age, connection.opened, now);
    const Duration idle = now - connection.idle_since;
    const bool unfit = !connection::StillFits(io_, *slot.target, connection.secured());
    if (gone || old || unfit || idle >= IdleLimit(slot, connection) || (i < excess && idle >= kSettled) ||
        (i < spare && idle >= kSpare))
      connection.Close();
  }
}

void Pool::CloseAbandoned(Slot& slot) {
  for (std::size_t i = slot.all.size(); i-- > 0;) {
    ClientConnection& connection = *slot.all[i];
    if (connection.abandoned() && io_.loop.now() - connection.idle_since >= kAbandoned)
      connection.Close(true);
  }
}

void Pool::Sweep() {
  for (std::size_t i = slots_.size(); i-- > 0;) {
    Slot& slot = *slots_[i];
    SweepSlot(slot);
    CloseAbandoned(slot);
    SweepShared(slot);
    if (!slot.target->removed || !slot.all.empty() || !slot.waiting.empty()) continue;
    if (!slot.shared.empty() || !slot.queued.empty()) continue;
    slot.target->user = nullptr;
    slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (++sweeps_ % kPreconnectEvery == 0) Preconnect();
}

}  // namespace weft::pool
