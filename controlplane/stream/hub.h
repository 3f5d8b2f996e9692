#pragma once
// Everybody's streams: sessions by node, the lanes that feed them, and the agent directory that the API
// shows. Thread rule: every function may be called from any thread. Sessions are divided among shards by
// their node's name, each with a lock; another guards the world that they are compared with. A shard's lock
// comes before the world's. Outlets are called without either.
//
// Who is told of a change: agents that use a changed service, at once. A release that changes nothing for an
// agent reaches it too, so that it names the revision in force, but within about ten seconds: see kSweep.

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "controlplane/events/events.h"
#include "controlplane/stream/fan_out.h"
#include "controlplane/stream/lanes.h"
#include "controlplane/stream/session.h"

namespace weft::stream {

// Up to so many agents are all told at once of a release; of more, those whom it does not concern are told by
// and by: kSweepAgents or a share of 1/kSweepShare of all, every kSweep.
inline constexpr std::size_t kAllAtOnce = 256;
inline constexpr Duration kSweep = std::chrono::milliseconds(50);
inline constexpr std::size_t kSweepAgents = 50, kSweepShare = 200;

// How far reconnects are spread (v1.Delta.reconnect_spread_ns): for each agent so long. A TLS handshake with
// a new stream costs more than half of it.
inline constexpr Duration kSpreadPerAgent = std::chrono::microseconds(2000);

// A node that opens more streams within kReopenSpan than kMaxReopens is refused until that has passed.
inline constexpr std::uint32_t kMaxReopens = 20;
inline constexpr Duration kReopenSpan = std::chrono::seconds(10);

// Upper bounds of the convergence histogram, seconds; one more bucket is for everything above.
inline constexpr std::array<double, 10> kConvergenceBounds = {0.01, 0.025, 0.05, 0.1, 0.25,
                                                              0.5,  1,     2.5,  10,  30};

// Likewise of the sizes of messages, bytes.
inline constexpr std::array<std::uint64_t, 8> kPushBounds = {256,        1U << 10U,   4U << 10U, 16U << 10U,
                                                             64U << 10U, 256U << 10U, 1U << 20U, 4U << 20U};

// Values of the weft_control_* metrics (docs/metrics.md).
struct Metrics {
  std::uint64_t agents = 0;                                        // connected now
  std::uint64_t pushes = 0;                                        // messages sent to agents
  std::uint64_t push_bytes = 0;                                    // of those
  std::array<std::uint64_t, kPushBounds.size() + 1> push_sizes{};  // by bucket, not cumulative
  std::uint64_t rejects = 0;  // bundles or whole deltas that agents refused
  std::array<std::uint64_t, kConvergenceBounds.size() + 1> convergence{};  // by bucket, not cumulative
  double convergence_sum = 0;  // seconds from release to acknowledgement
};

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
  // When the certificate of the stream's agent begins and ends; zero ticket: nothing.
  void SetCertificate(std::uint64_t ticket, std::int64_t from_unix_ms, std::int64_t until_unix_ms);
  void EndExpired(std::int64_t unix_ms);  // streams whose certificate has ended
  void KickAll();                         // there may be a message for everybody that is not of this hub

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
  struct Stream {
    Session session;
    std::shared_ptr<Outlet> outlet;
    bool closing = false;  // it stalled and was told to end, at closed_at
    TimePoint closed_at;
  };
  struct Reopens {
    TimePoint since;
    std::uint32_t count = 0;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, Stream> streams;
    std::unordered_map<std::string, std::uint64_t> by_node;
    std::unordered_map<ServiceKey, std::vector<std::uint64_t>> users;  // tickets of sessions that use it
    std::unordered_map<std::string, Reopens> reopens;                  // of nodes, for kReopenSpan
    Metrics metrics;

    Stream* Find(std::uint64_t ticket);
    Stream* FindNode(const std::string& node);
    void Index(std::uint64_t ticket, const Session::Moves& moves);
    void Erase(std::uint64_t ticket);
    Status Admit(const std::string& node, TimePoint now);
  };

  Shard& ShardOf(const std::string& node) { return shards_[HashBytes(node) % kShards]; }
  Shard& ShardOf(std::uint64_t ticket) { return shards_[ticket % kShards]; }
  template <class Look>
  void ForEach(const Look& look) const;  // (const Stream&), shard by shard under its lock

  void Announce(const Change& change, bool urgent);  // without locks
  Outlets All() const;
  Outlets UsersOf(const std::vector<ServiceKey>& services) const;
  void FillSweep();
  Outlets TakeSwept();
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
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> last_ticket_{0};
  std::atomic<std::size_t> agents_{0};

  mutable std::shared_mutex world_mutex_;
  Lanes lanes_;
  ReleasePtr newest_;
  std::deque<std::pair<snapshot::Version, TimePoint>> released_at_;  // the newest 64

  mutable std::mutex sweep_mutex_;
  std::vector<std::uint64_t> sweep_;  // tickets still to be told of a release
  bool sweep_again_ = false;          // another release came meanwhile
  TimePoint swept_at_, looked_at_;    // the latter: for stalled streams

  std::mutex tick_mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stopping_{false};
  FanOut fan_out_;
  std::thread ticker_;
};

}  // namespace weft::stream
