#pragma once
// Everybody's streams: sessions by node, the lanes that feed them, and the agent directory that the API
// shows. Thread rule: every function may be called from any thread. Sessions are divided among shards by
// their node's name, each with a lock; another guards the world that they are compared with. A shard's lock
// comes before the world's. Outlets are called without either.
//
// Who is told of a change: agents that use a changed service, at once. A release that changes nothing for an
// agent reaches it too, so that it names the revision in force, but within about ten seconds: see sweep.h.
// hub.cc has the streams' side, announce.cc the telling, directory.cc the looking.

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_set>

#include "controlplane/events/events.h"
#include "controlplane/stream/lanes.h"
#include "controlplane/stream/shard.h"
#include "controlplane/stream/sweep.h"

namespace weft::stream {

// How far reconnects are spread (v1.Delta.reconnect_spread_ns): for each agent so long. A TLS handshake with
// a new stream costs more than half of it.
inline constexpr Duration kSpreadPerAgent = std::chrono::microseconds(2000);

// How far a cohort is with a candidate.
struct CohortLook {
  std::uint32_t connected = 0, agents = 0;    // in all; of the cohort
  std::unordered_set<std::string> converged;  // of those: nodes that hold it without refusal
  std::vector<std::string> refusals;          // "node: service: field: …"; a few
};

class Hub {
 public:
  // `events` hears of agents that come, go and refuse; null: nobody.
  explicit Hub(std::function<TimePoint()> clock = ReadMonotonicClock, events::Book* events = nullptr);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  void Start();  // shows what was set so far; a thread calls Tick when it is due, else others must
  void Tick();   // flushes the lanes, ends stalled streams
  void Stop(const Error& error);  // ends every stream and the thread

  // The control plane's side.
  void SetRelease(Served served);
  void SetEndpoints(snapshot::EndpointsPtr endpoints);
  ReleasePtr release() const;  // of everybody, last given, perhaps not yet visible to agents

  // The streams' side. A ticket names one stream; a newer stream of the same node ends the older one.
  Result<std::uint64_t> Open(const v1::Hello& hello, const std::string& peer, std::shared_ptr<Outlet> outlet);
  Status OnMessage(std::uint64_t ticket, const v1::AgentMessage& message);  // an error ends the stream
  std::optional<Outgoing> Next(std::uint64_t ticket);
  void Close(std::uint64_t ticket);
  // The certificate of the stream's agent; zero ticket, or none: nothing.
  void SetCertificate(std::uint64_t ticket, const auth::Shown& shown);
  void EndExpired(std::int64_t unix_ms);           // streams whose certificate has ended
  void EndRefused(const auth::CheckShown& check);  // streams whose certificate it refuses, with its error
  void KickAll();  // there may be a message for everybody that is not of this hub

  // The directory's side. node_id empty in Accept: all that wait.
  std::vector<v1::Agent> Agents(const std::string& ns) const;  // empty: all; sorted by node_id
  std::vector<v1::Agent> Behind() const;                       // those that are (session.h); in no order
  std::vector<v1::Agent> Ending(std::int64_t unix_ms) const;   // their certificates soon end (session.h)
  CohortLook LookAt(const rollout::Cohort& cohort, const snapshot::Version& candidate) const;
  // Up to so many connected agents outside the cohort, those that use one of the services first, else by
  // hash.
  std::vector<std::string> Choose(std::size_t agents, const rollout::Cohort& besides,
                                  const std::set<ServiceKey>& services) const;
  Result<v1::AgentConfig> Config(const std::string& node_id);
  Result<std::uint32_t> Accept(const std::string& node_id);
  Status Drain(const std::string& node_id, std::int64_t deadline_ms);
  Metrics metrics() const;

 private:
  static constexpr std::size_t kShards = 16;

  Shard& ShardOf(const std::string& node) { return shards_[HashBytes(node) % kShards]; }
  Shard& ShardOf(std::uint64_t ticket) { return shards_[ticket % kShards]; }
  template <class Look>
  void ForEach(const Look& look) const {  // (const Stream&), shard by shard under its lock
    for (const Shard& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      for (const auto& [ticket, stream] : shard.streams) look(stream);
    }
  }

  void Announce(const Change& change, bool urgent);  // without locks
  Outlets All() const;
  Outlets UsersOf(const std::vector<ServiceKey>& services) const;
  Sweep::Tickets Everybody() const;
  Outlets Swept();
  void Poke();
  void EndStalled(TimePoint now);
  void NoteRelease(const ReleasePtr& release, TimePoint now);
  void Observe(const snapshot::Version& effective, TimePoint opened, TimePoint now, Metrics& metrics) const;
  void RunTicker();
  std::optional<TimePoint> due() const;
  void Note(bool warning, std::string_view reason, const v1::Agent& agent, std::string message) const;
  void NoteRejects(const v1::Ack& ack, const v1::Agent& agent) const;

  const std::function<TimePoint()> clock_;
  events::Book* const events_;
  KeyPool keys_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> last_ticket_{0};
  std::atomic<std::size_t> agents_{0};

  mutable std::shared_mutex world_mutex_;
  Lanes lanes_;
  ReleasePtr newest_;
  std::deque<std::pair<snapshot::Version, TimePoint>> released_at_;  // the newest 64

  Sweep sweep_;
  std::atomic<TimePoint> looked_at_{};  // for stalled streams

  std::mutex tick_mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stopping_{false};
  FanOut fan_out_;
  std::thread ticker_;
};

}  // namespace weft::stream
