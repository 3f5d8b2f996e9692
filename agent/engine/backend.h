#pragma once
// What one worker knows about a service port and its instances. State survives a change of snapshot: it is
// found again by BackendKey and instance id. The pool and the exchange may read everything that is not under
// "engine's own" and may write `user`, `report`. Thread rule: one worker.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/engine/shared.h"
#include "agent/engine/view.h"
#include "agent/select/node.h"
#include "common/policy/policy.h"
#include "common/snapshot/snapshot.h"

namespace weft::engine {

struct Backend;

struct ServiceRoutes;

struct Generation {
  snapshot::SnapshotPtr snapshot;
  std::uint64_t revision = 0;
  std::uint64_t serial = 0;  // counts snapshots of this worker, from 1
  std::uint32_t calls = 0;   // of this worker that began with it; no atomics
  bool current = true;
  // Engine's own: of the services used so far.
  std::unordered_map<const snapshot::Service*, std::unique_ptr<ServiceRoutes>> routes;
  Generation();
  ~Generation();
};

struct Target {
  // Never null, except for the application behind an inbound listener.
  std::shared_ptr<const snapshot::Instance> instance;
  std::uint64_t hash = 0;  // snapshot::Instance::hash; the identity in records
  net::Address address;    // where to connect; of this service port
  Backend* backend = nullptr;
  bool meshed = false;  // an agent stands before it: long keep-alive, its load and drain marks count
  bool mtls = false;    // that agent has an identity
  // That agent takes requests of any version as streams of few HTTP/2 connections. Each stream counts under
  // maxConnections then, as a connection of HTTP/1.1 would.
  bool multiplexed = false;
  bool application = false;  // inbound: our own workload
  bool draining = false;     // by registry or by its own mark: no new requests
  // Not in the snapshot any more, or an application that was not asked for a long time: close idle
  // connections, then clear `user`.
  bool removed = false;
  InstanceState state = InstanceState::kHealthy;  // as of the latest view
  std::uint32_t connections = 0;                  // this worker's share of the cap
  void* user = nullptr;    // the pool's; a removed target is freed only after the pool cleared it
  void* report = nullptr;  // the report's metric handles

  std::uint32_t in_flight() const { return node.in_flight; }
  bool pickable() const { return node.place != select::kNoPlace; }

  // Engine's own.
  select::Node node;
  std::uint32_t name = 0;        // in the log's names
  std::uint64_t removed_in = 0;  // serial of the generation without it; calls of older ones may name it
  TimePoint unused_since;        // of an application, at each tick since; zero: in use
  std::shared_ptr<SharedInstance> shared;
  struct Health;
  std::unique_ptr<Health> health;  // null: nothing is known of it; most instances of many are never called
  ~Target();
  Target();
};

struct Backend {
  BackendKey key;
  std::string key_text;  // "namespace/name:port"
  policy::Protocol protocol = policy::Protocol::kDetect;
  std::uint8_t proxy_protocol = 0;  // of the port; inbound: zero
  bool inbound = false;
  policy::Mtls inbound_mtls = policy::Mtls::kPermissive;  // inbound: what its service asks of callers
  const policy::ServicePolicy* policy = nullptr;          // of the newest snapshot; never null
  std::uint32_t in_flight = 0;                            // requests of this worker
  std::uint32_t waiting = 0;                              // of this worker, for a connection
  std::vector<std::unique_ptr<Target>> targets;           // sorted by hash; removed ones stay until unused
  struct Foreseen {
    std::uint64_t hits = 0, wrong = 0, missed = 0;
    Duration lead = Duration::zero();  // of all hits
  } foreseen, learned;                 // breaches, since the start: by trend, and by the logistic model
  Duration adaptive_timeout = Duration::zero();  // that timeouts.adaptive has found; zero: none
  std::uint64_t beyond_timeout = 0;              // answers that it cut, or in shadow would have
  double threshold = 0;    // weighted points that open the circuit, as of the last tick; zero: there was none
  void* user = nullptr;    // the pool's
  void* report = nullptr;  // the report's metric handles

  // Engine's own.
  policy::BundlePtr bundle;  // keeps `policy` alive
  snapshot::EndpointsPtr endpoints;
  std::shared_ptr<SharedBackend> shared;
  struct State;
  std::unique_ptr<State> state;
  Backend();
  ~Backend();
};

// What this worker saw of an instance in the last 10 s, as of the last tick.
struct Recent {
  double points = 0;                    // weighted, of attempts
  std::uint32_t requests = 0;           // attempts
  Duration latency = Duration::zero();  // peak EWMA; zero: never measured
};

// A rate limit that is kept together with the agents of other instances.
struct QuotaUse {
  BackendKey backend;
  std::string limit;            // name
  double cap = 0;               // requests per second of all together
  std::uint32_t instances = 0;  // of the service
  std::uint64_t asked = 0;      // requests so far, of all workers
};

// What an inbound response tells a calling agent (x-weft-load).
struct Load {
  std::uint32_t in_flight = 0;          // of all workers' requests to the application in this worker
  Duration latency = Duration::zero();  // recent average
  std::uint32_t limit = 0;  // this worker's part of what its limiter has found; zero: there is none
};

}  // namespace weft::engine
