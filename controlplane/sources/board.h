#pragma once
// What is known of the places that services come from (Consul, etcd, DNS, files): whether each one answers,
// since when not, how much it told, and what is wrong with services because of it. Written by
// controlplane/intake, read by API, metrics and issues. Thread rule: any thread; one short lock, nobody is
// called under it.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/net/key.h"
#include "common/time/time.h"

namespace weft::sources {

struct Look {  // of one source
  std::string name;
  bool up = false;                          // its last answer was good
  TimePoint since;                          // it is up, or down, since then
  bool ever = false;                        // there was a good answer since the start
  std::string problem;                      // while it is down
  std::size_t services = 0, instances = 0;  // as last told
  std::size_t left_out = 0;   // services and instances beyond a bound, unusable or owned by another source
  std::size_t damped = 0;     // instances withheld because they flap
  std::uint64_t reports = 0;  // good answers
  std::uint64_t errors = 0;   // lost connections, refused answers, what could not be used
};

// Something about one service that its readers should know.
struct Condition {
  std::string_view type;    // "Conflicted", "Stale", "Refused", "Flapping"
  std::string_view reason;  // one word
  std::string message;      // one sentence
  WallTime since;
};

class Board {
 public:
  void Set(const Look& look);
  void Drop(const std::string& name);  // the source is used no more
  // All of what this source has to say about services, besides that it is down.
  void SetConditions(const std::string& name, std::map<ServiceKey, std::vector<Condition>> conditions);

  std::vector<Look> All() const;  // sorted by name
  std::optional<Look> Find(const std::string& name) const;
  // Of a service and its owner: those that sources set, and Stale while the owner is down.
  std::vector<Condition> Conditions(const ServiceKey& service, const std::string& owner, TimePoint now,
                                    WallTime wall) const;
  // How long the owner has been down; zero: it is up, or no source.
  Duration StaleFor(const std::string& owner, TimePoint now) const;

 private:
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, Look> looks_;
  std::map<std::string, std::map<ServiceKey, std::vector<Condition>>> conditions_;
};

}  // namespace weft::sources
