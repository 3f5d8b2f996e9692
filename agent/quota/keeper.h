#pragma once
// The shares that this agent has of limits which it keeps together with the agents of other instances
// (agent/limit/share.h): what to ask the control plane for, and which rate to keep meanwhile. Pure; thread
// rule: one thread.

#include <map>
#include <string>
#include <vector>

#include "agent/engine/backend.h"
#include "agent/limit/share.h"

namespace weft::quota {

struct Wanted {
  BackendKey backend;
  std::string limit;
  double cap = 0, wanted = 0;  // requests per second
};
struct Rate {
  BackendKey backend;
  std::string limit;
  double per_second = 0, room = 0;  // limit::Share::Room
};

class Keeper {
 public:
  struct Looked {
    std::vector<Wanted> wanted;  // of all limits
    std::vector<Rate> rates;     // that have changed
  };
  // About once a second.
  Looked Look(const std::vector<engine::QuotaUse>& uses, TimePoint now);
  // Of an own port; of a limit that is not looked at any more nothing happens.
  void Granted(std::uint16_t port, const std::string& limit, double rate, std::uint32_t agents,
               Duration lease, TimePoint now);

 private:
  struct Kept {
    limit::Share share;
    double rate = -1, room = 0;  // in force; below zero: none yet
  };
  std::map<std::pair<BackendKey, std::string>, Kept> kept_;
};

}  // namespace weft::quota
