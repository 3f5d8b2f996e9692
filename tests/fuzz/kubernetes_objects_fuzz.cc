// What an API server says of a service: one document {"service": …, "slices": [ … ]}.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "controlplane/api/json.h"
#include "controlplane/intake/kubernetes/mapping.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weft::intake::kubernetes::Json;
  Json both;
  if (!weft::api::ParseJson({reinterpret_cast<const char*>(data), size}, both) || !both.is_object()) return 0;
  std::vector<weft::intake::kubernetes::ObjectPtr> slices;
  if (both.contains("slices") && both["slices"].is_array()) {
    for (const Json& slice : both["slices"]) slices.push_back(std::make_shared<const Json>(slice));
  }
  const auto found =
      weft::intake::kubernetes::Map(both.contains("service") ? both["service"] : Json(), slices, nullptr);
  if (!found || *found == nullptr) return 0;
  std::set<std::string> ids;
  for (const weft::v1::Instance& instance : (*found)->instances) {
    if (instance.id().empty() || instance.port() == 0 || instance.port() > 65535 ||
        !ids.insert(instance.id()).second)
      std::abort();
  }
  return 0;
}
