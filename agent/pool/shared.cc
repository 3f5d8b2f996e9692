// HTTP/2 connections, whose streams are lent: one for an instance, another when each is at 70 % of what the
// instance allows.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/pool/slot.h"

namespace weft::pool {
namespace {

using connection::Http2Client;
using Answer = http2::Session::Answer;
using engine::Outcome;

constexpr std::size_t kFullPercent = 70;
// Servers that follow gRPC close connections whose peers ask more often than every five minutes; agents do
// not.
constexpr Duration kPingApplication = std::chrono::seconds(310);
constexpr Duration kPingAgent = std::chrono::seconds(30);
constexpr Duration kPingTime = std::chrono::seconds(20);

constexpr std::size_t kPreconnects = 20;  // at a time

// For new requests. What counts under the cap may have changed since it was opened.
bool Usable(const Http2Client& connection, const engine::Target& target) {
  return !connection.draining() && connection.counts_streams == target.multiplexed;
}

bool HasConnected(const std::vector<Http2Client*>& all, const engine::Target& target) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Http2Client* each) { return Usable(*each, target) && !each->connecting(); });
}

}  // namespace

// The one with the fewest streams.
Http2Client* Pool::FindRoom(const Slot& slot) const {
  Http2Client* best = nullptr;
  for (Http2Client* each : slot.shared) {
    if (each->HasRoom() && Usable(*each, *slot.target) &&
        (best == nullptr || each->streams() < best->streams()))
      best = each;
  }
  return best;
}

// Nothing is being connected, and all there are have most of their streams.
bool Pool::WantsAnother(const Slot& slot) const {
  return std::all_of(slot.shared.begin(), slot.shared.end(), [&](const Http2Client* each) {
    return !Usable(*each, *slot.target) ||
           (!each->connecting() && each->streams() * 100 >= each->most_streams() * kFullPercent);
  });
}

// Takes the place of one more connection under the cap, where connections count.
bool Pool::MayOpenShared(Slot& slot) {
  const std::uint32_t most = slot.target->backend->policy->connection_pool.max_connections;
  return slot.target->multiplexed ? most == 0 || slot.shared.size() < most : engine_.TryConnect(*slot.target);
}

// Takes the place of one more stream under the cap, where streams count.
bool Pool::TryStream(Slot& slot) { return !slot.target->multiplexed || engine_.TryConnect(*slot.target); }

Loan Pool::AcquireStream(Slot& slot, Waiter& waiter, bool switches) {
  engine::Backend& backend = *slot.target->backend;
  Http2Client* const room = slot.queued.empty() ? FindRoom(slot) : nullptr;
  const bool fits = !switches || (room != nullptr && room->switches() == Answer::kYes);
  if (room != nullptr && fits && TryStream(slot)) {
    stream::ClientStream& stream = room->Lend();
    if (WantsAnother(slot) && MayOpenShared(slot)) OpenShared(slot);
    sink_.Lent(backend, true, Duration::zero());
    return {&stream, false};
  }
  waiter.place.target = slot.target;
  waiter.place.shared = true;
  waiter.place.switches = switches;
  waiter.place.since = io_.loop.now();
  const bool opens = room == nullptr && WantsAnother(slot) && MayOpenShared(slot);
  const bool connecting =
      opens || std::any_of(slot.shared.begin(), slot.shared.end(), [&](const Http2Client* each) {
        return Usable(*each, *slot.target) && each->connecting();
      });
  const bool counts = !opens && !(connecting && backend.policy->connection_pool.max_pending == 0);
  if (counts && !CanPend(slot, waiter)) {
    waiter.place.shared = false;
    return {};
  }
  waiter.place.pended = counts;
  slot.queued.push_back(waiter);
  if (const Reason why = opens ? OpenShared(slot) : Reason::kOk; why != Reason::kOk) {
    RefuseQueue(slot, connection::OutcomeOf(why, *slot.target), why);
    return {};
  }
  // A stream that switches waits for the instance's SETTINGS, which belong to connecting.
  if (switches || (connecting && !HasConnected(slot.shared, *slot.target))) waiter.OnConnecting();
  if (room != nullptr && switches) ServeQueue(slot);
  return {};
}

// MayOpenShared said so. kOk, or why not.
Reason Pool::OpenShared(Slot& slot) {
  connection::Reached reached = ReachTarget(*slot.target);
  Http2Client* connection = nullptr;
  if (reached.transport != nullptr) {
    const http2::Limits limits{limits_.head_bytes, limits_.fields, 0, stream::kWindow};
    connection = new Http2Client(io_, std::move(reached.transport), limits, *this);
    if (!connection->Start()) {
      connection->Destroy();
      connection = nullptr;
    }
  }
  if (connection == nullptr) {
    if (!slot.target->multiplexed) engine_.ReleaseConnection(*slot.target);
    return WhyNot(reached.reason);
  }
  ++open_;
  connection->counts_streams = slot.target->multiplexed;
  connection->opened = connection->idle_since = connection->last_read = io_.loop.now();
  connection->owner_slot = &slot;
  slot.shared.push_back(connection);
  return Reason::kOk;
}

// Off the queue; `target` stays for whoever tells it the outcome.
void Pool::Leave(Slot& slot, Waiter& waiter) {
  slot.queued.erase(Queue::s_iterator_to(waiter));
  waiter.place.shared = false;
  if (std::exchange(waiter.place.pended, false)) engine_.ReleasePend(*slot.target->backend);
}

void Pool::CancelQueued(Slot& slot, Waiter& waiter) {
  Leave(slot, waiter);
  if (!slot.queued.empty()) return;
  for (std::size_t i = slot.shared.size(); i-- > 0;) {
    if (slot.shared[i]->connecting()) slot.shared[i]->Close();
  }
}

void Pool::ServeQueue(Slot& slot) {
  while (!slot.queued.empty()) {
    Http2Client* connection = FindRoom(slot);
    if (connection == nullptr) break;
    const bool switches = slot.queued.front().place.switches;
    if (switches && connection->switches() == Answer::kUnknown) return;  // its SETTINGS come first
    if (!TryStream(slot)) return;
    ServeFirst(slot, *connection);
  }
  if (slot.queued.empty() || !WantsAnother(slot) || !MayOpenShared(slot)) return;
  if (const Reason why = OpenShared(slot); why != Reason::kOk)
    return RefuseQueue(slot, connection::OutcomeOf(why, *slot.target), why);
  if (HasConnected(slot.shared, *slot.target)) return;
  for (Waiter& waiter : slot.queued) waiter.OnConnecting();
}

// With a stream of `connection`, whose place is taken already.
void Pool::ServeFirst(Slot& slot, Http2Client& connection) {
  Waiter& waiter = slot.queued.front();
  const bool pended = waiter.place.pended;
  Leave(slot, waiter);
  waiter.place.target = nullptr;
  if (waiter.place.switches && connection.switches() == Answer::kNo) {
    if (connection.counts_streams) engine_.ReleaseConnection(*slot.target);
    return waiter.OnRefused(Outcome::kLocal, Reason::kUpgradeRefused);
  }
  waiter.place.queued = pended ? io_.loop.now() - waiter.place.since : Duration::zero();
  sink_.Lent(*slot.target->backend, connection.streams() > 0, waiter.place.queued);
  waiter.OnLent(connection.Lend(), false);
}

void Pool::RefuseQueue(Slot& slot, Outcome outcome, Reason reason) {
  Queue all;
  all.swap(slot.queued);  // who comes meanwhile is not meant; who cancels leaves `all`
  while (!all.empty()) {
    Waiter& waiter = all.front();
    Leave(slot, waiter);
    waiter.place.target = nullptr;
    waiter.OnRefused(outcome, reason);
  }
}

void Pool::OnConnected(Http2Client& connection, int error) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  if (error == 0) return ServeQueue(slot);
  const bool timed_out = error == ETIMEDOUT;
  if (!HasConnected(slot.shared, *slot.target)) {  // else those serve the queue as their streams end
    RefuseQueue(slot, timed_out ? Outcome::kConnectTimeout : Outcome::kConnectFailed,
                timed_out ? Reason::kConnectTimeout : WhyNot(connection.failure()));
  }
  connection.Close();
}

void Pool::OnReturned(Http2Client& connection) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  ++slot.returned;
  if (connection.counts_streams) engine_.ReleaseConnection(*slot.target);
}

// Workers share the cap, so one that has all its places gives one up now and then.
void Pool::OnCapacity(Http2Client& connection) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  const bool yields = connection.counts_streams && slot.returned % kShareEvery == 0;
  if (yields && engine_.OthersWait(*slot.target->backend)) return;  // ours are served by Poll
  ServeQueue(slot);
}

void Pool::OnClosed(Http2Client& connection) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  std::erase(slot.shared, &connection);
  --open_;
  if (!connection.counts_streams) engine_.ReleaseConnection(*slot.target);
  if (!connection.connecting()) ServeQueue(slot);
}

void Pool::SweepShared(Slot& slot) {
  const TimePoint now = io_.loop.now();
  const bool gone = slot.target->removed || slot.target->state == engine::InstanceState::kEjected;
  const policy::ConnectionPool& policy = slot.target->backend->policy->connection_pool;
  const Duration idle_most = policy.keepalive_expiry_set ? policy.keepalive_expiry : kAgentIdle;
  const Duration quiet_most = slot.target->meshed ? kPingAgent : kPingApplication;
  std::size_t streams = 0;
  for (const Http2Client* each : slot.shared) streams += each->streams();
  if (!slot.shared.empty()) slot.use.Sampled(streams);
  for (std::size_t i = slot.shared.size(); i-- > 0;) {
    Http2Client& connection = *slot.shared[i];
    if (connection.connecting()) continue;
    const bool idle = connection.streams() == 0;
    if (connection.Silent(kPingTime)) {
      connection.Close(true);
      continue;
    }
    // An idle one, too, where its peer does not mind: else the next request would find out.
    const bool asks = !idle || slot.target->meshed;
    if (asks && now - connection.last_read >= quiet_most) connection.Ping();
    const bool old = IsOld(policy.max_age, connection.opened, now);
    const bool unfit = connection.counts_streams != slot.target->multiplexed ||
                       !connection::StillFits(io_, *slot.target, connection.secured());
    const bool unused = idle && now - connection.idle_since >= idle_most;
    const bool ends = gone || unfit || unused || IsSpare(slot, connection);
    if (connection.draining() || !(ends || old)) continue;
    if (ends || !Replaces(slot, connection)) connection.Drain();
  }
}

// More than use asks for: the others would carry it all, and be at half of what opens another.
bool Pool::IsSpare(const Slot& slot, const Http2Client& connection) const {
  std::size_t room = 0;
  for (const Http2Client* each : slot.shared) {
    const bool carries = each != &connection && !each->connecting() && Usable(*each, *slot.target);
    if (carries) room += each->most_streams();
  }
  return io_.loop.now() - connection.opened >= kSpare && slot.use.Wanted() * 200 <= room * kFullPercent;
}

// Whether another connection is on its way that requests will go to when `old` ends: they should not wait for
// it. Past its whole age none is waited for.
bool Pool::Replaces(Slot& slot, const Http2Client& old) {
  if (io_.loop.now() - old.opened >= slot.target->backend->policy->connection_pool.max_age) return false;
  bool connecting = false;
  for (const Http2Client* each : slot.shared) {
    if (each == &old || !Usable(*each, *slot.target)) continue;
    if (!each->connecting()) return false;
    connecting = true;
  }
  return connecting || (MayOpenShared(slot) && OpenShared(slot) == Reason::kOk);
}

// To instances of services in use whose agents share connections: a handshake before their first request.
void Pool::Preconnect() {
  std::size_t left = kPreconnects;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& used = *slots_[i];
    if (used.shared.empty() || used.returned == 0) continue;
    for (const auto& target : used.target->backend->targets) {
      if (target->user != nullptr || target->removed || !target->pickable()) continue;
      if (!target->meshed || target->multiplexed != used.target->multiplexed) continue;
      if (left-- == 0) return;
      Slot& slot = SlotOf(*target);
      if (MayOpenShared(slot)) OpenShared(slot);
    }
  }
}

}  // namespace weft::pool
