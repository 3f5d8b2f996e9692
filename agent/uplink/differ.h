#pragma once
// What an agent reports: the difference between what its workers counted by now and what was reported before.
// Only entries that changed are in a report, and about `byte_budget` bytes of them; those kept back are said
// next time, beginning after the last service that was in. Counts that fall (a list forgotten at its bound)
// begin anew. A report that is lost on its way is lost. Pure: time comes in. Thread rule: one owner.

#include <map>

#include "agent/report/status.h"
#include "weft/v1/telemetry.pb.h"

namespace weft::uplink {

struct Moment {
  TimePoint now;
  Duration wall_minus_monotonic = Duration::zero();
};

class Differ {
 public:
  static constexpr std::uint32_t kByteBudget = 4096;

  explicit Differ(TimePoint began) : reported_(began) {}  // when counting began

  void SetByteBudget(std::uint32_t bytes) { byte_budget_ = bytes; }
  v1::AgentReport Next(const report::AgentStatus& status, Moment at);

 private:
  struct InstanceSent {
    report::InstanceTotals totals;
    report::InstanceStatus status;
  };
  // Of one service port and direction, as last reported.
  struct Sent {
    std::map<std::string, report::EdgeTotals> edges;  // by rule name
    std::map<std::string, InstanceSent> instances;    // by instance id
    std::string circuit;                              // state; empty: never reported
    std::uint64_t requests = 0, failures = 0, transitions = 0;
    std::array<std::uint64_t, report::kFailureKinds> failure_kinds{};
    std::uint64_t lent = 0, reused = 0, connection_failures = 0;
    report::PoolStatus pool;
    bool pool_said = false;
  };
  struct Writer;

  std::uint32_t byte_budget_ = kByteBudget;
  std::map<report::EdgeKey, Sent> sent_;
  report::EdgeKey last_;  // the last one that was in a report
  TimePoint reported_;    // the end of the last interval
};

}  // namespace weft::uplink
