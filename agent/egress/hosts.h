#pragma once
// Hosts outside the mesh that requests have asked for: each becomes a service of the pseudo cluster "egress"
// whose instances are the addresses of its name, so that pools, breaker, retries, records and metrics treat
// it like any other.
//
// At most 256 hosts; the one asked for longest ago gives way. Addresses are looked up again every 30 s (a
// failed look-up keeps the last ones), a host is forgotten 10 min after a request asked for it as new; a name
// that did not resolve is not asked again for 5 s. At most 64 look-ups at a time. Thread rule: the cold
// thread.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/egress/allow.h"
#include "common/net/address.h"
#include "common/snapshot/snapshot.h"
#include "common/time/time.h"

namespace weft::egress {

// Calls `done` once, later, on the cold thread; no addresses: the name did not resolve.
using Lookup =
    std::function<void(const std::string& name, std::function<void(std::vector<net::Ip> addresses)> done)>;

class Hosts {
 public:
  // `changed`: Extend has another answer.
  Hosts(Lookup lookup, std::function<void()> changed);

  // A request names a host that the snapshot lacks. `changed` follows, or `failed` (perhaps at once).
  void Ask(const Host& host, TimePoint now, std::function<void()> failed);
  // The snapshot with the hosts; `base` itself when there are none.
  snapshot::SnapshotPtr Extend(const snapshot::SnapshotPtr& base) const;
  void Refresh(TimePoint now);  // a few times a second
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::set<std::uint16_t> ports;
    std::vector<net::Ip> addresses;  // empty: not resolved
    snapshot::ServicePtr service;    // null likewise
    TimePoint asked, looked_up, failed_until;
    bool looking = false;
    std::vector<std::function<void()>> waiting;
  };
  void Look(const std::string& name, Entry& entry, TimePoint now);
  void Found(const std::string& name, std::vector<net::Ip> addresses, TimePoint now);
  void Build(const std::string& name, Entry& entry);
  void MakeRoom();

  Lookup lookup_;
  std::function<void()> changed_;
  std::map<std::string, Entry> entries_;
  std::size_t looking_ = 0;
  std::uint64_t version_ = 0;
};

// The system's resolver (/etc/hosts, DNS) on a thread of its own; `context` is the cold one.
Lookup SystemLookup(void* io_context);

}  // namespace weft::egress
