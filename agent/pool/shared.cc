// HTTP/2 connections, whose streams are lent: one for an instance, another when each is at 70 % of what the
// instance allows.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/pool/slot.h"

namespace weft::pool {
namespace {

using connection::Http2Client;
using engine::Outcome;

constexpr std::size_t kFullPercent = 70;
// Servers that follow gRPC close connections whose peers ask more often than every five minutes; agents do
// not.
constexpr Duration kPingApplication = std::chrono::seconds(310);
constexpr Duration kPingAgent = std::chrono::seconds(30);
constexpr Duration kPingTime = std::chrono::seconds(20);

bool Usable(const Http2Client& connection) { return !connection.draining(); }

bool HasConnected(const std::vector<Http2Client*>& all) {
  return std::any_of(all.begin(), all.end(),
                     [](const Http2Client* each) { return Usable(*each) && !each->connecting(); });
}

}  // namespace

// The one with the fewest streams.
Http2Client* Pool::FindRoom(Slot& slot) const {
  Http2Client* best = nullptr;
  for (Http2Client* each : slot.shared) {
    if (each->HasRoom() && (best == nullptr || each->streams() < best->streams())) best = each;
  }
  return best;
}

// Nothing is being connected, and all there are have most of their streams.
bool Pool::WantsAnother(const Slot& slot) const {
  return std::all_of(slot.shared.begin(), slot.shared.end(), [](const Http2Client* each) {
    return !Usable(*each) ||
           (!each->connecting() && each->streams() * 100 >= each->most_streams() * kFullPercent);
  });
}

Loan Pool::AcquireStream(Slot& slot, Waiter& waiter) {
  engine::Backend& backend = *slot.target->backend;
  if (slot.queued.empty()) {
    if (Http2Client* connection = FindRoom(slot); connection != nullptr) {
      stream::ClientStream& stream = connection->Lend();
      if (WantsAnother(slot) && engine_.TryConnect(*slot.target)) OpenShared(slot);
      sink_.Lent(backend, true, Duration::zero());
      return {&stream, false};
    }
  }
  waiter.place.target = slot.target;
  waiter.place.shared = true;
  waiter.place.since = io_.loop.now();
  const bool opens = WantsAnother(slot) && engine_.TryConnect(*slot.target);
  const bool connecting =
      opens || std::any_of(slot.shared.begin(), slot.shared.end(),
                           [](const Http2Client* each) { return Usable(*each) && each->connecting(); });
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
  if (connecting && !HasConnected(slot.shared)) waiter.OnConnecting();
  return {};
}

// The cap is taken already. kOk, or why not.
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
    engine_.ReleaseConnection(*slot.target);
    return WhyNot(reached.reason);
  }
  ++open_;
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
    Waiter& waiter = slot.queued.front();
    const bool pended = waiter.place.pended;
    Leave(slot, waiter);
    waiter.place.target = nullptr;
    waiter.place.queued = pended ? io_.loop.now() - waiter.place.since : Duration::zero();
    sink_.Lent(*slot.target->backend, connection->streams() > 0, waiter.place.queued);
    waiter.OnLent(connection->Lend(), false);
  }
  if (slot.queued.empty() || !WantsAnother(slot) || !engine_.TryConnect(*slot.target)) return;
  if (const Reason why = OpenShared(slot); why != Reason::kOk)
    return RefuseQueue(slot, connection::OutcomeOf(why, *slot.target), why);
  if (HasConnected(slot.shared)) return;
  for (Waiter& waiter : slot.queued) waiter.OnConnecting();
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
  if (!HasConnected(slot.shared)) {  // else those serve the queue as their streams end
    RefuseQueue(slot, timed_out ? Outcome::kConnectTimeout : Outcome::kConnectFailed,
                timed_out ? Reason::kConnectTimeout : WhyNot(connection.failure()));
  }
  connection.Close();
}

void Pool::OnCapacity(Http2Client& connection) { ServeQueue(*static_cast<Slot*>(connection.owner_slot)); }

void Pool::OnClosed(Http2Client& connection) {
  Slot& slot = *static_cast<Slot*>(connection.owner_slot);
  std::erase(slot.shared, &connection);
  --open_;
  engine_.ReleaseConnection(*slot.target);
  if (!connection.connecting()) ServeQueue(slot);
}

void Pool::SweepShared(Slot& slot) {
  const TimePoint now = io_.loop.now();
  const bool gone = slot.target->removed || slot.target->state == engine::InstanceState::kEjected;
  const policy::ConnectionPool& policy = slot.target->backend->policy->connection_pool;
  const Duration idle_most = policy.keepalive_expiry_set ? policy.keepalive_expiry : kAgentIdle;
  const Duration quiet_most = slot.target->meshed ? kPingAgent : kPingApplication;
  for (std::size_t i = slot.shared.size(); i-- > 0;) {
    Http2Client& connection = *slot.shared[i];
    if (connection.connecting()) continue;
    const bool idle = connection.streams() == 0;
    if (connection.Silent(kPingTime)) {
      connection.Close(true);
      continue;
    }
    if (!idle && now - connection.last_read >= quiet_most) connection.Ping();
    const bool old = policy.max_age > Duration::zero() && now - connection.opened >= policy.max_age;
    const bool unfit = !connection::StillFits(io_, *slot.target, connection.secured());
    if ((gone || old || unfit || (idle && now - connection.idle_since >= idle_most)) &&
        !connection.draining())
      connection.Drain();
  }
}

}  // namespace weft::pool
