#pragma once
// What Consul's HTTP API answers, as services and instances of ours. Pure.
//
// An instance's id is "NODE-ID/SERVICE-ID" of Consul, so a reused address is another instance. Health is the
// worst of its checks and its node's: passing is healthy, warning degraded (with the weight for warnings),
// critical unhealthy; a maintenance mode is draining. Service meta: weft-port, weft-protocol, weft-zone; the
// rest becomes labels.

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "weft/v1/registry.pb.h"

namespace weft::intake::consul {

struct Defaults {
  std::string ns = "default";  // of its services here
  std::uint32_t port = 80;     // by which they are called, unless meta says another
  v1::Protocol protocol = v1::PROTOCOL_DETECT;
};

// GET /v1/catalog/services: the names that have `tag` (empty: all), sorted; Consul's own is left out.
Result<std::vector<std::string>> ReadCatalog(std::string_view body, std::string_view tag);

struct Health {
  v1::Service service;
  std::vector<v1::Instance> instances;  // ids are unique
  std::vector<Error> unusable;          // `where` is the instance
  bool is_proxy = false;                // every one is a proxy or gateway of Consul's own mesh: no service
};
// GET /v1/health/service/NAME.
Result<Health> ReadHealth(std::string_view body, const std::string& name, const Defaults& defaults);

}  // namespace weft::intake::consul
