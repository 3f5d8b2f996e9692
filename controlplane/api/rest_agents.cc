// REST of agents, their statistics and records, and of events.
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"
#include "controlplane/api/text.h"

namespace weft::api::rest {
namespace {

http::Response Raw(std::string json) {
  http::Response response;
  response.body = std::move(json);
  return response;
}

}  // namespace

Answer ListAgents(Api& api, const RestCall& call) {
  v1::ListAgentsRequest request;
  if (auto ok = ReadPage(call, request); !ok) return ok.error();
  return Ask(api, call, request, [](const v1::ListAgentsResponse& done) {
    Json json = ItemsJson(done.agents());
    json["continue"] = done.next();
    return JsonResponse(json);
  });
}

Answer GetAgentConfig(Api& api, const RestCall& call) {
  v1::GetAgentConfigRequest request;
  request.set_node_id(call.Name("id"));
  return Ask(api, call, request, [](const auto& done) { return JsonResponse(ToJson(done)); });
}

Answer AcceptAgent(Api& api, const RestCall& call) {
  v1::AcceptAgentRequest request;
  request.set_node_id(call.Name("id"));
  return Ask(api, call, request, [](const auto& done) {
    return JsonResponse({{"accepted", done.accepted()}});
  });
}

Answer DrainAgent(Api& api, const RestCall& call) {
  v1::DrainAgentRequest request;
  request.set_node_id(call.Name("id"));
  if (const std::string text = call.request.Query("deadline"); !text.empty()) {
    const auto ms = ParseSpanMs(text);
    if (!ms) return Invalid(ms.error().detail, "deadline");
    request.set_deadline_ms(*ms);
  }
  return Ask(api, call, request, [](const auto&) { return JsonResponse(Json::object()); });
}

Answer GetStats(Api& api, const RestCall& call) {
  v1::GetStatsRequest request;
  request.set_correlation_id(std::string(call.request.Header("X-Correlation-Id")));
  return Ask(api, call, request, [](const auto& done) { return Raw(done.json()); });
}

Answer ServiceStats(Api& api, const RestCall&) { return Raw(api.ServiceStats()); }

Answer Explain(Api& api, const RestCall& call) {
  v1::ExplainQuery request;
  request.set_request_id(call.Name("request-id"));
  request.set_last_error_of(call.request.Query("lastErrorOf"));
  return Ask(api, call, request, [](const auto& done) { return JsonResponse(ToJson(done)); });
}

Answer ListEvents(Api& api, const RestCall& call) {
  v1::ListEventsRequest request;
  std::uint64_t after = 0;
  if (auto ok = ReadNumber(call, "after", after); !ok) return ok.error();
  request.set_after(after);
  request.set_namespace_(call.request.Query("namespace"));
  request.set_type(call.request.Query("type"));
  request.set_reason(call.request.Query("reason"));
  return Ask(api, call, request, [](const v1::ListEventsResponse& done) {
    Json json = ItemsJson(done.events());
    json["last"] = done.last();
    return JsonResponse(json);
  });
}

}  // namespace weft::api::rest
