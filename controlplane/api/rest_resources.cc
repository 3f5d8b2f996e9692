// REST of documents.
#include <nlohmann/json.hpp>

#include "controlplane/api/lines.h"
#include "controlplane/api/rest_read.h"
#include "controlplane/api/text.h"

namespace weft::api::rest {
namespace {

Status ReadRollout(const RestCall& call, v1::ApplyRequest& request) {
  const bool staged = call.request.HasQuery("rollout");
  if (staged) *request.mutable_rollout() = rollout::PlanOf(call.request.Query("rollout"));
  for (const char* name : {"bake", "converge"}) {
    if (!call.request.HasQuery(name)) continue;
    if (!staged) return Invalid("belongs to a rollout; say rollout= too", name);
    const auto ms = ParseSpanMs(call.request.Query(name));
    if (!ms) return Error{ErrorKind::kInvalid, ms.error().detail, name, {}};
    v1::RolloutPlan& plan = *request.mutable_rollout();
    std::string_view(name) == "bake" ? plan.set_bake_ms(*ms) : plan.set_converge_ms(*ms);
  }
  return {};
}

Result<v1::ApplyRequest> ReadApply(const RestCall& call) {
  v1::ApplyRequest request;
  if (auto ok = ReadDryRun(call, request); !ok) return ok.error();
  request.set_documents(call.request.body);
  request.set_file(call.request.Query("file"));
  request.set_namespace_(call.request.Query("namespace"));
  if (auto ok = ReadConditions(call, request); !ok) return ok.error();
  if (auto ok = ReadRollout(call, request); !ok) return ok.error();
  return request;
}

template <class Message>
Message ResourceRequest(const RestCall& call) {
  Message request;
  request.set_kind(call.Name("kind"));
  request.set_namespace_(call.Name("namespace"));
  request.set_name(call.Name("name"));
  return request;
}

Answer WatchResources(Api& api, const RestCall& call) {
  for (const char* name : {"limit", "continue"}) {
    if (call.request.HasQuery(name)) return Invalid("belongs to lists, not to a watch", name);
  }
  v1::WatchRequest request;
  std::uint64_t from = 0;
  if (auto ok = ReadNumber(call, "from", from); !ok) return ok.error();
  const auto kind = call.names.find("kind");
  if (kind != call.names.end()) request.set_kind(kind->second);
  request.set_namespace_(call.request.Query("namespace"));
  request.set_label_selector(call.request.Query("labelSelector"));
  request.set_field_selector(call.request.Query("fieldSelector"));
  request.set_from(from);
  auto watch = api.Call(call.row.rpc, call.principal, request);
  if (!watch) return watch.error();
  return LinesResponse<v1::WatchEvent>(std::move(*watch));
}

}  // namespace

Answer Apply(Api& api, const RestCall& call) {
  const auto request = ReadApply(call);
  if (!request) return request.error();
  return Ask(api, call, *request, [](const auto& done) { return JsonResponse(ToJson(done)); });
}

Answer PutResource(Api& api, const RestCall& call) {
  auto request = ReadApply(call);
  if (!request) return request.error();
  request->set_namespace_(call.Name("namespace"));
  const auto kind = resource::ParseKind(call.Name("kind"));
  if (!kind) return Error{kind.error().kind, kind.error().detail, "kind", {}};
  const resource::Parsed parsed =
      resource::ParseDocuments(request->documents(), "", {call.Name("namespace")});
  if (!parsed.ok()) return parsed.errors.front();
  if (parsed.documents.size() != 1) return Invalid("the body must be exactly one document");
  const resource::Document& document = *parsed.documents.front();
  if (document.kind != *kind)
    return Invalid("is not the path's " + std::string(resource::ToString(*kind)), "kind");
  if (document.metadata.name != call.Name("name"))
    return Invalid("is not the path's '" + call.Name("name") + "'", "metadata.name");
  if (resource::IsNamespaced(*kind) && document.metadata.ns != call.Name("namespace")) {
    return Invalid("is not the path's '" + call.Name("namespace") + "'", "metadata.namespace");
  }
  return Ask(api, call, *request, [](const auto& done) {
    return WithEtag(JsonResponse(ToJson(done)), done.applied(0).resource().etag());
  });
}

Answer ListResources(Api& api, const RestCall& call) {
  const auto watch = ReadFlag(call, "watch");
  if (!watch) return watch.error();
  if (*watch) return WatchResources(api, call);
  if (call.request.HasQuery("from")) return Invalid("goes with watch=true only", "from");
  v1::ListResourcesRequest request;
  const auto kind = call.names.find("kind");
  if (kind != call.names.end()) request.set_kind(kind->second);
  if (auto ok = ReadPage(call, request); !ok) return ok.error();
  request.set_field_selector(call.request.Query("fieldSelector"));
  return Ask(api, call, request, [&](const auto& done) {
    http::Response response;
    response.body = ToText(done);
    return Fresh(call, std::move(response), std::to_string(done.revision()));
  });
}

Answer GetResource(Api& api, const RestCall& call) {
  return Ask(api, call, ResourceRequest<v1::GetResourceRequest>(call),
             [&](const auto& done) { return Fresh(call, JsonResponse(ToJson(done)), done.etag()); });
}

Answer DeleteResource(Api& api, const RestCall& call) {
  auto request = ResourceRequest<v1::DeleteResourceRequest>(call);
  if (auto ok = ReadDryRun(call, request); !ok) return ok.error();
  request.set_if_match(std::string(call.request.Header("If-Match")));
  return Ask(api, call, request, [](const auto& done) {
    return JsonResponse({{"revision", done.revision()}});
  });
}

}  // namespace weft::api::rest
