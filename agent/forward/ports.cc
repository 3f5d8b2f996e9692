#include "agent/forward/ports.h"

namespace weft::forward {

std::uint16_t PortOf(const snapshot::Service& service, const std::string& port, std::uint16_t workload) {
  const std::vector<policy::ServicePort>& ports = service.bundle->ports;
  if (!port.empty()) {
    for (const policy::ServicePort& each : ports) {
      if (each.name == port || std::to_string(each.port) == port) return each.port;
    }
    return 0;
  }
  for (const snapshot::Instance& instance : service.endpoints->instances) {
    for (const policy::ServicePort& each : ports) {
      if (instance.AddressFor(each).port == workload) return each.port;
    }
  }
  return ports.empty() ? std::uint16_t{0} : ports.front().port;
}

}  // namespace weft::forward
