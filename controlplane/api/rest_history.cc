// REST of revisions.
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"
#include "controlplane/api/text.h"

namespace weft::api::rest {

Answer ListRevisions(Api& api, const RestCall& call) {
  v1::ListRevisionsRequest request;
  std::uint32_t limit = 0;
  std::uint64_t before = 0;
  if (auto ok = ReadNumber(call, "limit", limit); !ok) return ok.error();
  if (auto ok = ReadNumber(call, "before", before); !ok) return ok.error();
  request.set_limit(limit);
  request.set_before(before);
  request.set_kind(call.request.Query("kind"));
  request.set_namespace_(call.request.Query("namespace"));
  request.set_name(call.request.Query("name"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  Json json = ItemsJson(done->revisions());
  json["head"] = ToJson(done->head());
  json["released"] = done->released();
  return JsonResponse(json);
}

Answer GetRevision(Api& api, const RestCall& call) {
  const auto number = ReadPathNumber(call, "revision");
  if (!number) return number.error();
  v1::GetRevisionRequest request;
  request.set_revision(*number);
  return Ask(api, call, request, [](const v1::GetRevisionResponse& done) {
    Json json = ToJson(done.revision());
    json["items"] = ItemsJson(done.resources())["items"];
    return JsonResponse(json);
  });
}

Answer DiffRevisions(Api& api, const RestCall& call) {
  const auto from = ReadPathNumber(call, "revision");
  if (!from) return from.error();
  v1::DiffRevisionsRequest request;
  std::uint64_t to = 0;
  if (auto ok = ReadNumber(call, "to", to); !ok) return ok.error();
  request.set_from(*from);
  request.set_to(to);
  return Ask(api, call, request, [](const v1::DiffRevisionsResponse& done) {
    Json json{{"from", done.from()}, {"to", done.to()}};
    json.update(ItemsJson(done.resources()));
    return JsonResponse(json);
  });
}

Answer RollBack(Api& api, const RestCall& call) {
  const auto number = ReadPathNumber(call, "revision");
  if (!number) return number.error();
  const auto dry_run = ReadFlag(call, "dryRun");
  if (!dry_run) return dry_run.error();
  v1::RollBackRequest request;
  request.set_revision(*number);
  request.set_dry_run(*dry_run);
  return Ask(api, call, request, [](const v1::RollBackResponse& done) { return JsonResponse(ToJson(done)); });
}

}  // namespace weft::api::rest
