#pragma once
// The decision core of one worker: composes route, limit, breaker, health, select and retry. Pure: no
// sockets, clocks or globals; all inputs are arguments, all shared results go through `Shared`, so a
// recording of the calls replays to the same decisions. Agent, replay and simulator link the same objects.
//
// Order for one request: Start, then (Pick, Ended)* while it says so, then Finish exactly once. Between Pick
// and Ended a second attempt may begin (Hedge) and end. Thread rule: one worker, except where said. No call
// allocates once a service is known to the worker.

#include <cstdint>
#include <memory>
#include <string_view>

#include "agent/engine/backend.h"
#include "agent/engine/call.h"
#include "agent/engine/view.h"

namespace weft::decision {
class Log;
class Recorder;
}  // namespace weft::decision

namespace weft::engine {

struct Settings {
  std::uint64_t seed = 0;
  std::uint32_t worker = 0;
  std::string cluster = "local";
  std::string ns = "default";          // own namespace: short names, consumer routes
  std::size_t record_bytes = 2 << 20;  // ring of all decision records; that of non-2xx ones has half of it
  std::uint32_t workers = 1;           // floors of budgets are split between them
  std::string zone;                    // own; empty: unknown
};

inline Direction DirectionOf(const Backend& backend) {
  return backend.inbound ? Direction::kInbound : Direction::kOutbound;
}

class Engine {
 public:
  // `recorder` may be null: no recording. Both outlive the engine.
  Engine(Settings settings, Shared& shared, decision::Recorder* recorder);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Configuration. A call in progress keeps the snapshot it began with.
  void Install(snapshot::SnapshotPtr snapshot, TimePoint now);
  void Install(ViewPtr view, TimePoint now);
  const snapshot::Snapshot* snapshot() const;  // null before the first
  std::size_t live_generations() const;

  // What a connection at this destination speaks, before any byte was read. kDetect when unknown.
  policy::Protocol ProtocolOf(const Origin& origin) const;
  // What the service behind an inbound destination asks of callers.
  policy::Mtls MtlsOf(const Origin& origin) const;
  // The one kept for this identity; made when it is new. Null: there are too many.
  const Caller* CallerOf(std::string_view identity, std::string_view service);
  // The service a connection that is not HTTP belongs to; null: unknown destination.
  Backend* BackendOf(const Origin& origin, TimePoint now);

  // The request path.
  Verdict Start(Call& call, const Origin& origin, const message::RequestHead& head, TimePoint now);
  // Starts an attempt: an instance, or null and why not. Counts it in flight there until Ended.
  Target* Pick(Call& call, TimePoint now, Reason& why);
  // Whether a response of this status may be tried again. The exchange then calls Ended at its head, before
  // anything was forwarded; for any other status it forwards and calls Ended when the response is over.
  bool Retriable(const Call& call, std::uint16_t status, int grpc = -1) const;
  RetryVerdict Ended(Call& call, const AttemptResult& result, TimePoint now);
  // `hedge_after` after Pick, while that attempt has no answer: an instance for a second one beside it, or
  // null, and the record says why. Counts it in flight there until HedgeEnded, or until Ended of the first,
  // with which it becomes the current one.
  Target* Hedge(Call& call, TimePoint now);
  void HedgeEnded(Call& call, const AttemptResult& result, TimePoint now);
  // `reason` as logged: kOk for a forwarded response of any status.
  void Finish(Call& call, Reason reason, std::uint16_t status, TimePoint now);

  // Caps that the pool asks for; exact over all workers. Each successful Try is returned once.
  bool TryConnect(Target& target);  // connectionPool.maxConnections of the instance
  void ReleaseConnection(Target& target);
  // The same for a stream. Toward our own application none is refused, since the callers' agents have their
  // caps and a stream may last for days; it takes no place of a request either, but the target stays known.
  bool TryStream(Target& target);
  void ReleaseStream(Target& target);
  bool TryPend(Backend& backend);  // connectionPool.maxPending
  void ReleasePend(Backend& backend);
  // Whether requests of other workers wait for a connection of this service port.
  bool OthersWait(const Backend& backend) const;

  // A client connected, or left: rateLimits.connectionsPerAddress of the own service. kRefused: its requests
  // are answered with rate_limited.
  Place TakeAddress(const Origin& origin);
  void ReturnAddress(const Origin& origin);

  // The instance marked itself as draining (x-weft-drain of a meshed instance).
  void MarkDraining(Target& target);
  Load LoadOf(const Backend& inbound) const;
  // Backends and targets of this worker, for the pool's sweep and for admin. Valid until the next Install or
  // Tick.
  const std::vector<std::unique_ptr<Backend>>& backends() const;
  // Service ports that Tick forgot since the last time: not in the snapshot for ten minutes (or one of more
  // than 1024 such, and the one gone longest), and nothing of this worker uses them. Inbound: nobody asked
  // for them for twenty minutes.
  std::vector<std::pair<BackendKey, Direction>> TakeForgotten();

  Recent RecentOf(const Target& target) const;

  // The decision records of this worker. Read it on the worker (post there).
  decision::Log& log();

  // Rate limits that are shared with other instances' agents: what this process is asked for, and its share
  // of each from now on, with how many requests may come at once. One worker for all.
  std::vector<QuotaUse> Quotas() const;
  void SetQuota(const BackendKey& inbound, std::string_view limit, double per_second, double room,
                TimePoint now);

  // Outcomes of active checks, from the cold thread by way of the loop.
  void Checked(Target& target, bool passed, Duration took, TimePoint now);

  // Every 100 ms: what this worker learned since the last tick, for the aggregator (view.h).
  WorkerDelta Tick(TimePoint now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weft::engine
