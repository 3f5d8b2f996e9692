#pragma once
// Keeps a flapping instance from being announced again and again. Each return (it served before, then it was
// gone, unhealthy or draining, now it serves again) adds one to its penalty, which halves every minute. At
// three it is withheld until the penalty is below one: after a minute and a half to three minutes without a
// further return. Removals are never delayed, and at most half of a service's serving instances are withheld,
// so a service whose only instance flaps keeps it. As BGP's route flap damping does it (RFC 2439), by address
// and port, since a new id at an old place may be the same program that crashes.
//
// Pure: time comes in. Thread rule: not thread safe.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/time/time.h"
#include "weft/v1/bundle.pb.h"

namespace weft::intake {

inline constexpr double kWithholdAt = 3, kReleaseBelow = 1, kMostPenalty = 8;
inline constexpr Duration kPenaltyHalves = std::chrono::minutes(1);

// Of one service.
class Damper {
 public:
  // Those of them that may be told now.
  std::vector<v1::Instance> Pass(const std::vector<v1::Instance>& instances, TimePoint now);
  const std::set<std::string>& withheld() const { return withheld_; }  // "ip:port"

 private:
  struct Place {
    double penalty = 0;
    TimePoint at;  // of that penalty
    bool serving = false;
    double Now(TimePoint now) const;
  };
  void Count(const std::set<std::string>& serving, TimePoint now);
  void Choose(const std::set<std::string>& serving, TimePoint now);

  std::map<std::string, Place> places_;  // that served within the last minutes
  std::set<std::string> withheld_;
};

}  // namespace weft::intake
