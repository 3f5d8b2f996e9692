#pragma once
// Agents' reports as one picture per service. Counts are kept since the start and, for rates and percentiles,
// over the last 30 to 60 seconds in two half windows. Histograms are merged, never averaged. What the
// callers' agents saw (outbound) counts; the callee's view (inbound) only where no caller is in the mesh.
// Bounds: kMaxServices services, kMaxInstances instances of each, kMaxAgents agents; what is beyond is
// dropped and counted. Pure: time comes in. Not thread safe.

#include <array>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "common/net/key.h"
#include "common/stats/histogram.h"
#include "common/time/time.h"
#include "weft/v1/telemetry.pb.h"

namespace weft::telemetry {

inline constexpr std::size_t kMaxServices = 2000;
inline constexpr std::size_t kMaxInstances = 1000;
inline constexpr std::size_t kMaxAgents = 10'000;
inline constexpr Duration kHalfWindow = std::chrono::seconds(30);
inline constexpr std::size_t kMaxAgainst = 16;                        // agents that are kept per instance
inline constexpr std::size_t kFlapping = 6;                           // changes of health within
inline constexpr Duration kFlappingWithin = std::chrono::minutes(5);  // this

struct Traffic {
  std::uint64_t requests = 0, failures = 0, retries = 0;
  std::uint64_t latency_ns = 0, timed = 0;  // sum and number of measured requests
  stats::Histogram latency;                 // microseconds
  void Add(const v1::Edge& edge);
  void Merge(const Traffic& other);
};

// Traffic since the start, and of a current and a previous half window.
struct Window {
  Traffic total, current, previous;
  TimePoint current_since{}, previous_since{};
  void Add(const v1::Edge& edge, TimePoint now, Duration interval);  // that the counts cover
  Traffic Recent(TimePoint now) const;
  double Seconds(TimePoint now) const;  // that Recent covers
};

struct InstanceView {
  std::string address, state = "healthy", cause;
  std::uint64_t requests = 0, failures = 0, latency_ns = 0;
  std::int64_t last_check_unix_ms = 0;
  std::uint32_t weight = 1;
  v1::InstanceHealth health;      // as the newest report has it
  std::set<std::string> against;  // agents that call it unhealthy or ejected
  std::deque<TimePoint> flips;    // the newest changes between none of them and some

  void Say(const std::string& node_id, TimePoint now);  // `state`, as that agent has it
  std::size_t Flips(TimePoint now) const;               // within kFlappingWithin
};

struct BreakerView {  // of one agent and port
  std::string state = "closed";
  std::uint32_t consecutive_failures = 0;
  double threshold = 0;
};

struct ServiceView {
  Window outbound, inbound;
  std::map<std::string, InstanceView> instances;
  std::map<std::pair<std::string, std::uint32_t>, BreakerView> breakers;  // by node and port
  std::uint64_t breaker_requests = 0, breaker_failures = 0;
  v1::FailureCounts failures;
  std::uint64_t pool_requests = 0, pool_failures = 0;
  std::int64_t pool_last_used_unix_ms = 0, pool_created_unix_ms = 0;

  const Window& window() const { return outbound.total.requests > 0 ? outbound : inbound; }
  // "open" when any agent's is open, else the next worse of half_open, recovering, closed.
  std::string_view BreakerState() const;
};

class Aggregate {
 public:
  void Add(const std::string& node_id, const v1::AgentReport& report, TimePoint now);
  void Forget(const std::string&
                  node_id);  // its breakers' states and what it held against instances; its counts stay
  const std::map<ServiceKey, ServiceView>& services() const { return services_; }
  std::uint64_t dropped() const { return dropped_; }  // entries beyond a bound

 private:
  ServiceView* Find(const v1::ServiceKey& key);
  void AddInstance(ServiceView& service, const std::string& node_id, const v1::InstanceStat& stat,
                   TimePoint now);
  void AddPool(ServiceView& service, const v1::PoolStat& stat);
  void AddBreaker(ServiceView& service, const std::string& node_id, const v1::BreakerStat& stat);

  std::map<ServiceKey, ServiceView> services_;
  std::uint64_t dropped_ = 0;
};

}  // namespace weft::telemetry
