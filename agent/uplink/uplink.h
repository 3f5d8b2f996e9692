#pragma once
// The telemetry stream, Telemetry.Report: every interval what changed (differ.h), and decision records when
// the control plane asks for them. It shares the connection of the control stream and delays nothing of it;
// while there is no control plane the counts wait. Thread rule: the cold thread.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/dial/dialer.h"
#include "agent/quota/keeper.h"
#include "agent/uplink/differ.h"

namespace weft::uplink {

struct Options {
  std::string node_id, ns, service;
  std::uint64_t seed = 0;                        // of the back-off
  Duration interval = std::chrono::seconds(10);  // until the control plane says another one
  Duration wall_minus_monotonic = Duration::zero();
};

using Records = std::vector<std::string>;  // JSON objects, newest first

// A share of a limit that is kept together with the agents of other instances.
struct QuotaGrant {
  std::uint16_t port = 0;
  std::string limit;
  double rate = 0;           // requests per second
  std::uint32_t agents = 0;  // that have a share
  Duration lease = Duration::zero();
};

struct Sources {
  // All may call back on any thread.
  std::function<void(std::function<void(report::AgentStatus)>)> gather;
  std::function<void(std::string request_id, std::size_t most, std::function<void(Records)>)> explain;
  // The newest requests to a service ("namespace/name") that did not end in 2xx; empty: nothing is kept.
  std::function<void(std::string service, std::size_t most, std::function<void(Records)>)> last_errors;
  std::function<void(const QuotaGrant&)> granted;  // may be empty
};

class Uplink {
 public:
  Uplink(dial::Dialer& dialer, Options options, Sources sources);
  ~Uplink();

  void Start();
  void Stop();
  bool connected() const;
  // Lost while there is no control plane; answers come to Sources::granted.
  void AskQuotas(const std::vector<quota::Wanted>& wanted, std::uint64_t revision);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weft::uplink
