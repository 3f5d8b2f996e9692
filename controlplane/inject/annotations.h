#pragma once
// The `weft.dev/` annotations of a pod, typed and checked. Thread rule: pure functions.

#include <optional>
#include <string>
#include <vector>

#include "controlplane/inject/inject.h"

namespace weft::inject {

enum class Wish : std::uint8_t { kNone, kEnabled, kDisabled };

struct Annotations {
  Wish inject = Wish::kNone;
  std::string skip_inbound, skip_outbound, skip_subnets;  // lists; empty: none
  std::string opaque_ports;
  Resources resources;
  std::string log_level;
  std::string service;  // that the pod belongs to; empty: its labels tell
  bool native_sidecar = true;
  int drain_seconds = 0;  // zero: the grace period less 2
  std::vector<std::string> warnings;
};

// Of a pod's metadata, over the mesh's settings. An error names the annotation.
Result<Annotations> ReadAnnotations(const Json& metadata, const Settings& settings);

}  // namespace weft::inject
