#pragma once
// A change of configuration as an agent's link hands it over, decoded and with every field checked; builder.h
// applies it. Thread rule: plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/net/key.h"
#include "common/result/result.h"
#include "common/snapshot/snapshot.h"

namespace weft::snapshot {

// Whole instance list of one service, with the store that counts its version.
struct EndpointsUpdate {
  std::string store_id;     // empty: files
  std::uint64_t epoch = 0;  // (epoch, endpoints->version) never falls within a store
  EndpointsPtr endpoints;   // never null
};

// A bundle that was refused; its service keeps the last good one.
struct Refusal {
  ServiceKey service;
  std::string hash;  // of the refused bundle
  Error error;       // field: path into ServiceBundle
};

struct Delta {
  std::uint64_t sequence = 0;              // echoed in the acknowledgement; zero: nobody waits for one
  std::optional<Version> version;          // target after this delta; none: endpoints only
  bool full = false;                       // held services that are in neither list below are removed
  std::vector<policy::BundlePtr> bundles;  // never null
  std::vector<Refusal> refused;            // bundles that did not decode
  std::vector<ServiceKey> unchanged;       // of a full delta: held and current
  std::vector<ServiceKey> removed;
  std::vector<ServiceKey> unknown;  // asked for, but there is no such service now
  std::vector<EndpointsUpdate> endpoints;
};

}  // namespace weft::snapshot
