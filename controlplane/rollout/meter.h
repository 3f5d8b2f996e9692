#pragma once
// The traffic of two groups of agents, from their reports: those that apply a candidate and everybody else.
// Only services that the candidate changes count, of callers and of callees, and only reports that began
// after the measuring did: an earlier one has requests of before. Bounded: two sums. Pure: time comes in. Not
// thread safe.

#include <set>
#include <string>
#include <unordered_set>

#include "common/net/key.h"
#include "common/time/time.h"
#include "controlplane/rollout/gate.h"
#include "weft/v1/telemetry.pb.h"

namespace weft::rollout {

using Members = std::unordered_set<std::string>;  // node ids

class Meter {
 public:
  Meter(std::set<ServiceKey> services, TimePoint since) : services_(std::move(services)), since_(since) {}

  void SetMembers(Members members) { members_ = std::move(members); }
  void Add(const std::string& node_id, const v1::AgentReport& report, TimePoint now);  // now: when it came
  const Traffic& candidate() const { return candidate_; }
  const Traffic& others() const { return others_; }

 private:
  std::set<ServiceKey> services_;
  TimePoint since_;
  Members members_;
  Traffic candidate_, others_;
};

}  // namespace weft::rollout
