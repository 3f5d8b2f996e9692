#pragma once
// What all workers of a process share and must agree on exactly: circuits, half-open permits, caps, trial
// permits. Everything here is an atomic; the maps are behind a mutex that only set-up takes (a service or
// instance that a worker sees for the first time). Entries live as long as any worker knows them. Thread
// rule: any thread. Outlives the engines.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "agent/breaker/circuit.h"
#include "agent/limit/addresses.h"
#include "agent/limit/callers.h"
#include "agent/limit/cap.h"
#include "agent/limit/concurrency.h"
#include "agent/limit/rate_limits.h"
#include "common/net/key.h"

namespace weft::engine {

// One service port.
struct SharedBackend {
  SharedBackend(std::uint64_t seed, std::uint64_t stream) : circuit(seed, stream) {}
  breaker::Circuit circuit;
  limit::Cap requests;                // in flight; counted only while maxRequests is set
  limit::Cap pending;                 // waiting for a connection
  limit::RateLimitStore rate_limits;  // of an inbound port
  limit::Concurrency concurrency;     // likewise
  limit::Callers callers;             // likewise
};

// One instance's port, for every service that it belongs to.
struct SharedInstance {
  limit::Cap connections;
  limit::Cap trials;  // requests to it while it is on probation
};

class Shared {
 public:
  explicit Shared(std::uint64_t seed) : seed_(seed) {}

  limit::Addresses addresses;  // of inbound connections; counted only while there is a limit

  std::shared_ptr<SharedBackend> Backend(const BackendKey& key);
  std::shared_ptr<limit::Cap> Route(const std::string& name);  // bulkhead of one rule
  std::shared_ptr<SharedInstance> Instance(std::uint64_t instance, std::uint16_t port);
  std::uint64_t seed() const { return seed_; }
  std::size_t size();  // entries of both maps, some of which may be dead

 private:
  const std::uint64_t seed_;
  std::mutex mutex_;
  std::size_t backend_limit_ = 64, instance_limit_ = 64,
              route_limit_ = 64;  // size at which to look for dead entries
  std::map<BackendKey, std::weak_ptr<SharedBackend>> backends_;
  std::map<std::string, std::weak_ptr<limit::Cap>> routes_;
  std::map<std::pair<std::uint64_t, std::uint16_t>, std::weak_ptr<SharedInstance>> instances_;
};

}  // namespace weft::engine
