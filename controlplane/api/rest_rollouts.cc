// REST of releases in stages.
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"

namespace weft::api::rest {

Answer ListRollouts(Api& api, const RestCall& call) {
  v1::ListRolloutsRequest request;
  std::uint32_t limit = 0;
  if (auto ok = ReadNumber(call, "limit", limit); !ok) return ok.error();
  request.set_limit(limit);
  return Ask(api, call, request,
             [](const v1::ListRolloutsResponse& done) { return JsonResponse(ItemsJson(done.rollouts())); });
}

Answer GetRollout(Api& api, const RestCall& call) {
  v1::GetRolloutRequest request;
  const auto number = ReadPathNumber(call, "revision");
  if (!number) return number.error();
  request.set_revision(*number);
  return Ask(api, call, request, [](const v1::Rollout& done) { return JsonResponse(ToJson(done)); });
}

Answer SteerRollout(Api& api, const RestCall& call) {
  v1::SteerRolloutRequest request;
  const auto number = ReadPathNumber(call, "revision");
  if (!number) return number.error();
  request.set_revision(*number);
  request.set_action(std::string(call.row.path.substr(call.row.path.rfind(':') + 1)));
  const auto all = ReadFlag(call, "all");
  if (!all) return all.error();
  request.set_all(*all);
  return Ask(api, call, request, [](const v1::Rollout& done) { return JsonResponse(ToJson(done)); });
}

}  // namespace weft::api::rest
