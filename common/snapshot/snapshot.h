#pragma once
// What an agent acts on: accepted bundles plus endpoints, immutable, structurally shared between versions.
// A snapshot is a pure function of its parts; builder.h makes one from the previous one and a delta, and
// refuses a delta that would leave a referenced BackendKey undefined. Thread rule: immutable, shared freely.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/net/address.h"
#include "common/net/key.h"
#include "common/policy/route.h"

namespace weft::snapshot {

// Cluster and namespace of the keys of hosts outside the mesh, which the agent adds by itself.
inline constexpr std::string_view kEgress = "egress";

struct Version {
  std::string store_id;
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  std::string ToString() const;  // "store_id/epoch/revision"
  friend bool operator==(const Version&, const Version&) = default;
};

enum class Declared : std::uint8_t {
  kUnknown,
  kHealthy,
  kDegraded,
  kUnhealthy
};  // by registry or delegated checks

// What an instance's side is known to do; from its registration, never from what it sends.
struct Capabilities {
  bool meshed = false;  // an agent stands before it: its load and drain marks count, long keep-alive is safe
  bool http2 = false;
  bool mtls = false;  // that agent has an identity
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

struct Instance {
  InstanceId id;
  std::uint64_t hash = 0;                      // HashBytes(id); the identity in records and RNG streams
  net::Address address;                        // port: of the port that `ports` does not name
  std::map<std::string, std::uint16_t> ports;  // by port name
  std::uint32_t weight = 1;                    // zero: drained by weight
  std::string zone;
  std::map<std::string, std::string> labels;
  Declared declared = Declared::kUnknown;
  bool draining = false;
  Capabilities capabilities;

  net::Address AddressFor(const policy::ServicePort& port) const;
  friend bool operator==(const Instance&, const Instance&) = default;
};

struct Endpoints {
  ServiceKey service;
  std::uint64_t version = 0;        // of this service's endpoints, in the store's epoch
  std::vector<Instance> instances;  // sorted by id; ids are unique
};
using EndpointsPtr = std::shared_ptr<const Endpoints>;

// One service as the request path sees it.
struct Service {
  policy::BundlePtr bundle;
  EndpointsPtr endpoints;      // never null; may be empty
  std::uint64_t revision = 0;  // revision at which this bundle was accepted
};
using ServicePtr = std::shared_ptr<const Service>;

struct Snapshot {
  Version version;               // target that all parts have reached, or the newest of them
  std::uint64_t generation = 0;  // counts up in this process
  std::unordered_map<ServiceKey, ServicePtr> services;
  std::unordered_map<net::Address, BackendKey>
      by_address;  // transparent mode: VIP:port; of services without VIPs the addresses of instances
  std::multimap<std::string, ServiceKey> by_name;  // for ambiguous short names

  const Service* Find(const ServiceKey& key) const;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace weft::snapshot
