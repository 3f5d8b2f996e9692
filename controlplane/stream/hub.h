#pragma once
// Everybody's streams: sessions by node, the lanes that feed them, and the agent directory that the API
// shows. Thread rule: every function may be called from any thread; one lock guards all. Outlets are called
// without it.

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "controlplane/events/events.h"
#include "controlplane/stream/lanes.h"
#include "controlplane/stream/session.h"

namespace weft::stream {

// One stream's writing end. Kick: there may be a message, ask Next. Close: end the stream with this error.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual void Kick() = 0;
  virtual void Close(const Error& error) = 0;
};

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
  std::optional<v1::ControlMessage> Next(std::uint64_t ticket);
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
  Result<v1::AgentConfig> Config(const std::string& node_id) const;
  Result<std::uint32_t> Accept(const std::string& node_id);
  Status Drain(const std::string& node_id, std::int64_t deadline_ms);
  Metrics metrics() const;

 private:
  struct Stream {
    Session session;
    std::shared_ptr<Outlet> outlet;
  };
  using Outlets = std::vector<std::shared_ptr<Outlet>>;

  Outlets All() const;
  std::uint64_t TicketOf(const std::string& node_id) const;  // zero: not connected
  void NoteRelease(const ReleasePtr& release, TimePoint now);
  void Observe(const snapshot::Version& effective, TimePoint now);
  void RunTicker();
  void Note(bool warning, std::string_view reason, const v1::Agent& agent, std::string message) const;
  void NoteRejects(const v1::Ack& ack, const v1::Agent& agent) const;

  const std::function<TimePoint()> clock_;
  events::Book* const events_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  Lanes lanes_;
  ReleasePtr newest_;
  std::unordered_map<std::uint64_t, Stream> streams_;
  std::unordered_map<std::string, std::uint64_t> by_node_;
  std::uint64_t last_ticket_ = 0;
  std::deque<std::pair<snapshot::Version, TimePoint>> released_at_;  // the newest 64
  Metrics metrics_;
  std::thread ticker_;
};

}  // namespace weft::stream
