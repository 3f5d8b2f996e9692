#pragma once
// One agent's share of a rate that the agents of all instances keep together, given by the control plane as a
// lease (controlplane/quota). Without one, and when none comes any more, it goes over to the safe share: the
// rate divided by how many there are, linearly over six leases from the lease's end (a minute), so that many
// agents that lost the control plane together never let through more than the rate. Source: resilience.md 7.
//
// Also what to ask for: requests per second, admitted or not, smoothed over about two seconds and a fiftieth
// more, for what comes until the next answer. And how many requests may come at once: those that a second of
// the share brings, as far as they were asked for lately. Requests do not come evenly; an agent with twenty a
// second whose bucket held one would refuse half of what its share admits. One that was quiet, or lives from
// its safe share, has no such room. Requests per second. Thread rule: one thread.

#include <algorithm>
#include <cstdint>

#include "common/time/time.h"

namespace weft::limit {

class Share {
 public:
  void Grant(double rate, std::uint32_t agents, Duration lease, TimePoint now) {
    rate_ = rate;
    agents_ = agents;
    until_ = now + lease;
    decay_ = kLeases * lease;
  }

  // Of `cap` now. `instances` as the registry has them, for an agent that was never given a share.
  double Rate(double cap, std::uint32_t instances, TimePoint now) const {
    const double safe = cap / std::max({1U, agents_, agents_ == 0 ? instances : 1U});
    if (agents_ == 0) return safe;
    const double gone = static_cast<double>((now - until_).count()) / static_cast<double>(decay_.count());
    return rate_ + (safe - rate_) * std::clamp(gone, 0.0, 1.0);
  }

  // Requests at once, of so many per second; zero once the lease is over.
  double Room(double rate, TimePoint now) const { return now < until_ ? std::min(rate, wanted_) : 0; }

  // `asked`: requests so far. To be called about once a second.
  double Wanted(std::uint64_t asked, TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - looked_).count();
    if (looked_ != TimePoint{} && seconds > 0) {
      const double rate = static_cast<double>(asked - asked_) / seconds;
      wanted_ += (rate - wanted_) * (first_ ? 1 : kNewest);
      first_ = false;
    }
    looked_ = now;
    asked_ = asked;
    return wanted_ * kMore;
  }

 private:
  static constexpr int kLeases = 6;
  static constexpr double kNewest = 0.4, kMore = 1.02;

  double rate_ = 0, wanted_ = 0;
  std::uint32_t agents_ = 0;  // when it was granted; zero: never
  TimePoint until_, looked_;
  Duration decay_{1};  // from the lease's end to the safe share
  std::uint64_t asked_ = 0;
  bool first_ = true;
};

}  // namespace weft::limit
