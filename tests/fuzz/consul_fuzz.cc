// What Consul answers: a catalog, or the health of a service.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "controlplane/intake/consul/mapping.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)weft::intake::consul::ReadCatalog(body, "mesh");
  const auto health = weft::intake::consul::ReadHealth(body, "cart", {});
  if (!health) return 0;
  for (const weft::v1::Instance& instance : health->instances) {
    if (instance.id().empty() || instance.port() == 0 || instance.port() > 65535) std::abort();
  }
  return 0;
}
