#pragma once
// Connections to instances, of one worker: lends idle ones (last in, first out), opens new ones while the
// instance's maxConnections allows (exact over all workers, Engine::TryConnect), else lets the request wait,
// first come first served, while maxPending allows.
//
// Toward applications an idle connection lives min(their Keep-Alive hint - 1 s, 4 s) unless keepaliveExpiry
// is set, and a request that must not be repeated takes one that was idle for less than a second; toward
// other agents 5 min. How many idle ones stay follows use: those beyond what Little's law asks for, with head
// room, go when they were not needed for 30 s.
//
// An HTTP/2 connection is shared: the first one to an instance carries all its requests, another is opened
// when every one has 70 % of the streams that the instance allows, while maxConnections allows; when all are
// full, requests wait as above. Idle ones live 5 min unless keepaliveExpiry is set. To an agent that takes
// requests of any version so (Target::multiplexed), maxConnections bounds the streams instead of the
// connections, so that it says the same of the application in either way. Thread rule: one worker.

#include <boost/intrusive/list.hpp>
#include <memory>
#include <vector>

#include "agent/connection/client.h"
#include "agent/connection/http2_client.h"
#include "agent/connection/reach.h"
#include "agent/engine/engine.h"
#include "agent/report/report.h"

namespace weft::pool {

// A waiter's place; the pool's own.
struct Place {
  connection::ClientConnection* connecting = nullptr;
  engine::Target* target = nullptr;    // null: not waiting
  TimePoint since;                     // when it began to wait in the queue
  Duration queued = Duration::zero();  // how long it did; connecting is not waiting
  bool shared = false;                 // for a stream of an HTTP/2 connection
  bool pended = false;                 // counted in maxPending
  bool switches = false;               // the stream shall stop being HTTP
};

// Who wants a connection. One call to OnLent or OnRefused ends the wait, unless Cancel came before.
class Waiter : public boost::intrusive::list_base_hook<> {
 public:
  virtual void OnConnecting() = 0;  // a connection is being made for it: timeouts.connect runs from now
  virtual void OnLent(stream::ClientStream& stream, bool reused) = 0;
  virtual void OnRefused(engine::Outcome outcome, Reason reason) = 0;

  Place place;

 protected:
  ~Waiter() = default;
};

struct Demand {
  bool fresh = false;      // an idle connection has just failed this request
  bool repeatable = true;  // false: only connections that were used a moment ago
  bool http2 = false;
  bool switches = false;  // asks for an upgrade, by extended CONNECT: the instance may not take it
};

// First come first served. Links in the waiters: a queue without one takes sixteen bytes.
using Queue = boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>>;

// A connection, or a stream of one. `reused`: its failure may be that of a stale connection.
struct Loan {
  stream::ClientStream* stream = nullptr;  // null: none yet
  bool reused = false;
};

class Pool final : public connection::ClientOwner, public connection::Http2Owner {
 public:
  // All outlive the pool.
  Pool(connection::Io& io, engine::Engine& engine, report::Sink& sink, http1::Limits limits);
  ~Pool();

  // At once, or none: then the waiter hears later, or has heard OnRefused already.
  Loan Acquire(engine::Target& target, Waiter& waiter, Demand demand);
  void Cancel(Waiter& waiter);
  // A lent connection that stops being HTTP leaves the pool; its place under the cap goes with it:
  // Engine::ReleaseStream. A stream of an HTTP/2 connection has none; whoever takes it took one.
  connection::Handed HandOver(stream::ClientStream& stream);
  // Closes what is idle too long, too old, or leads to an instance that is gone or ejected. Every tick.
  void Sweep();

  void OnConnected(connection::ClientConnection& connection, int error) override;
  void OnIdle(connection::ClientConnection& connection) override;
  void OnClosed(connection::ClientConnection& connection) override;
  void OnConnected(connection::Http2Client& connection, int error) override;
  void OnReturned(connection::Http2Client& connection) override;
  void OnCapacity(connection::Http2Client& connection) override;
  void OnClosed(connection::Http2Client& connection) override;

  std::size_t open() const { return open_; }
  std::size_t idle() const;

 private:
  struct Slot;  // one target (slot.h)
  Slot& SlotOf(engine::Target& target);
  connection::ClientConnection* TakeIdle(Slot& slot, Demand demand);
  bool Open(Slot& slot, Waiter* waiter);
  connection::Reached ReachTarget(const engine::Target& target);
  static Reason WhyNot(Reason of_tls) { return of_tls == Reason::kOk ? Reason::kConnectFailed : of_tls; }
  void Lend(Slot& slot, Waiter& waiter, connection::ClientConnection& connection, bool reused);
  void ServeWaiters(Slot& slot);
  Waiter& TakeFirst(Slot& slot);
  Duration IdleLimit(const Slot& slot, const connection::ClientConnection& connection) const;
  void SweepSlot(Slot& slot);
  void CloseAbandoned(Slot& slot);
  bool CanPend(Slot& slot, Waiter& waiter);

  // shared.cc: streams of HTTP/2 connections
  Loan AcquireStream(Slot& slot, Waiter& waiter, bool switches);
  connection::Http2Client* FindRoom(const Slot& slot) const;
  bool WantsAnother(const Slot& slot) const;
  bool MayOpenShared(Slot& slot);
  bool TryStream(Slot& slot);
  Reason OpenShared(Slot& slot);
  void ServeQueue(Slot& slot);
  void ServeFirst(Slot& slot, connection::Http2Client& connection);
  void RefuseQueue(Slot& slot, engine::Outcome outcome, Reason reason);
  void CancelQueued(Slot& slot, Waiter& waiter);
  void Leave(Slot& slot, Waiter& waiter);
  void SweepShared(Slot& slot);
  bool TryOpen(Slot& slot, const Demand& demand);
  bool IsSpare(const Slot& slot, const connection::Http2Client& connection) const;
  bool Replaces(Slot& slot, const connection::Http2Client& old);
  void Preconnect();
  void Poll();

  connection::Io& io_;
  engine::Engine& engine_;
  report::Sink& sink_;
  http1::Limits limits_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t open_ = 0;
  std::size_t sweeps_ = 0;
  loop::Timer poll_;  // while requests wait for connections that another worker may give back
};

}  // namespace weft::pool
