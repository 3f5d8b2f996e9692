// What an API server sends to the admission webhook. What is injected stays as it is when it is injected
// again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "controlplane/webhook/review.h"

namespace {

nlohmann::json Unordered(const weft::inject::Json& json) { return nlohmann::json::parse(json.dump()); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weft::inject::Json;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)weft::webhook::Review(body, true, {});
  const Json review = Json::parse(body, nullptr, false);
  if (!review.is_object() || !review.contains("request") || !review["request"].is_object()) return 0;
  const Json& request = review["request"];
  if (!request.contains("object") || !request["object"].is_object()) return 0;
  const auto once = weft::inject::Inject(request["object"], "shop", true, {});
  if (!once || !once->injected) return 0;
  const auto twice = weft::inject::Inject(once->pod, "shop", true, {});
  if (!twice || Unordered(twice->pod) != Unordered(once->pod)) std::abort();
  return 0;
}
