#pragma once
// Everybody's telemetry streams: reports go into one aggregate, an explain asks every connected agent and
// joins what they keep. Thread rule: every function may be called from any thread; one lock guards all.
// Channels are called without it.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "controlplane/events/events.h"
#include "controlplane/quota/book.h"
#include "controlplane/rollout/machine.h"
#include "controlplane/rollout/meter.h"
#include "controlplane/telemetry/answers.h"
#include "controlplane/telemetry/document.h"
#include "weft/v1/config.pb.h"

namespace weft::telemetry {

inline constexpr Duration kReportInterval = std::chrono::seconds(10);
inline constexpr std::uint32_t kReportBytes = 4096;
inline constexpr Duration kExplainPatience = std::chrono::seconds(2);
inline constexpr std::uint32_t kExplainRecords = 10;                // of one agent
inline constexpr Duration kLookInterval = std::chrono::seconds(5);  // at services and agents

// One stream's writing end; a command that cannot be written is lost.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual void Write(const v1::ReportCommand& command) = 0;
};

class Collector {
 public:
  using Lists = std::function<EndpointLists()>;  // registered services now; called without the lock
  struct Looks {
    std::vector<issues::AgentLook> agents;  // connected ones
    std::vector<issues::CertificateLook> certificates;
  };
  using Looker = std::function<Looks()>;  // called without the lock
  explicit Collector(Lists lists, Duration report_interval = kReportInterval,
                     std::function<TimePoint()> clock = ReadMonotonicClock,
                     Duration quota_lease = quota::kLease);

  // The sources that do not answer; once, before Watch. Called without the lock.
  void SetSources(std::function<std::vector<issues::SourceLook>()> lost) { lost_ = std::move(lost); }

  // Hears of circuits and instances; once, before streams are opened. Outlives the collector.
  void TellTo(events::Book* events) { events_ = events; }

  // Looks for issues; to be called about twice a second. `events` hears of those that open and close.
  void Watch(const Looker& look, events::Book& events);

  // Streams. A ticket names one of them.
  Result<std::uint64_t> Open(const v1::ReportHello& hello, std::shared_ptr<Channel> channel);
  Status OnMessage(std::uint64_t ticket, const v1::ReportMessage& message);  // an error ends the stream
  void Close(std::uint64_t ticket);

  // A rollout's meter: counts the traffic of these services from now on; none: nothing. Measured tells the
  // sums of those agents and of all others, and which agents they are from then on.
  void Measure(const std::set<ServiceKey>& services);
  void Measured(rollout::Members members, rollout::Observation& seen);

  // Answers.
  // An empty correlation id is made.
  std::string HealthStats(const std::string& correlation_id) const;
  std::string ServiceStats() const;
  std::map<std::string, v1::InstanceHealth> HealthOf(const ServiceKey& service) const;  // by instance id
  v1::GetGraphResponse Graph(const std::string& ns) const;     // empty: all namespaces
  v1::ListIssuesResponse Issues(const std::string& ns) const;  // likewise
  struct Counts {
    std::size_t edges = 0, issues = 0;        // now
    std::uint64_t overflows = 0, opened = 0;  // of edges and issues; issues, since the start
  };
  Counts counts() const;
  // Waits until every connected agent answered, `patience` at most.
  v1::ExplainResult Explain(const std::string& request_id,
                            std::chrono::nanoseconds patience = kExplainPatience,
                            const std::string& last_error_of = {});
  std::size_t agents() const;

 private:
  struct Stream {
    std::string node_id;
    graph::Caller caller;
    std::string service;  // "namespace/name" of its hello; empty: a client only
    std::shared_ptr<Channel> channel;
  };
  struct Question {
    std::uint32_t open = 0;  // agents that have not answered
    v1::ExplainResult result;
  };
  v1::ReportCommand Grant(const Stream& stream, const v1::QuotaReport& report);
  void OnExplained(const std::string& node_id, const v1::ExplainResponse& response);

  const Lists lists_;
  std::function<std::vector<issues::SourceLook>()> lost_ = [] { return std::vector<issues::SourceLook>(); };
  const Duration report_interval_;
  const std::function<TimePoint()> clock_;
  events::Book* events_ = nullptr;
  mutable std::mutex mutex_;
  std::condition_variable answered_;
  Aggregate aggregate_;
  graph::Graph graph_;
  issues::Detector detector_;
  quota::Book quotas_;
  std::optional<rollout::Meter> meter_;
  TimePoint looked_;  // at services and agents
  std::unordered_map<std::uint64_t, Stream> streams_;
  std::unordered_map<std::uint64_t, Question> questions_;
  std::uint64_t last_ticket_ = 0, last_question_ = 0;
};

}  // namespace weft::telemetry
