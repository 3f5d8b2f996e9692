#include "controlplane/api/rest_call.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "controlplane/api/text.h"

namespace weft::api {
namespace {

using Answer = Result<http::Response>;

template <class Number>
Status ReadNumber(const RestCall& call, const char* name, Number& out) {
  const std::string text = call.request.Query(name);
  if (text.empty()) return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc{} && end == text.data() + text.size()) return {};
  return Invalid("'" + text + "' is no whole number", name);
}

Result<bool> ReadFlag(const RestCall& call, const char* name) {
  if (!call.request.HasQuery(name)) return false;
  const std::string text = call.request.Query(name);
  if (text.empty() || text == "true" || text == "1" || text == "All") return true;
  if (text == "false" || text == "0") return false;
  return Invalid("'" + text + "' is neither true nor false", name);
}

// If-Match: "…" and If-None-Match: *.
template <class Message>
Status ReadConditions(const RestCall& call, Message& message) {
  const std::string_view match = call.request.Header("If-Match");
  if (match != "*") message.set_if_match(std::string(match));
  const std::string_view none = call.request.Header("If-None-Match");
  if (!none.empty() && none != "*") return Invalid("only If-None-Match: * is understood", "If-None-Match");
  message.set_if_none_match(none == "*");
  return {};
}

http::Response WithEtag(http::Response response, const std::string& etag) {
  if (!etag.empty()) response.headers.emplace_back("ETag", "\"" + etag + "\"");
  return response;
}

// GET with If-None-Match of the current etag: 304.
http::Response Fresh(const RestCall& call, http::Response response, const std::string& etag) {
  if (call.request.Header("If-None-Match") == "\"" + etag + "\"") {
    response.status = 304;
    response.body.clear();
    response.content_type.clear();
  }
  return WithEtag(std::move(response), etag);
}

template <class Message>
Status ReadPage(const RestCall& call, Message& message) {
  std::uint32_t limit = 0;
  if (auto ok = ReadNumber(call, "limit", limit); !ok) return ok;
  message.set_limit(limit);
  message.set_from(call.request.Query("continue"));
  message.set_namespace_(call.request.Query("namespace"));
  return {};
}

template <class List>
Json ItemsJson(const List& list) {
  Json items = Json::array();
  for (const auto& item : list) items.push_back(ToJson(item));
  return {{"items", std::move(items)}};
}

Answer ListServices(Api& api, const RestCall& call) {
  v1::ListServicesRequest request;
  if (auto ok = ReadPage(call, request); !ok) return ok.error();
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  Json json = ItemsJson(done->services());
  json["revision"] = done->revision();
  json["continue"] = done->next();
  return JsonResponse(json);
}

Answer GetService(Api& api, const RestCall& call) {
  v1::GetServiceRequest request;
  request.set_namespace_(call.Name("namespace"));
  request.set_name(call.Name("name"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return Fresh(call, JsonResponse(ToJson(*done)), done->etag());
}

// A name in the body must be the path's.
Status SetName(std::string said, const std::string& path, const char* field,
               const std::function<void(const std::string&)>& set) {
  if (!said.empty() && said != path) return Invalid("'" + said + "' is not the path's '" + path + "'", field);
  set(path);
  return {};
}

Answer PutService(Api& api, const RestCall& call) {
  v1::PutServiceRequest request;
  auto service = ReadService(call.request.body);
  if (!service) return service.error();
  if (auto ok = SetName(service->namespace_(), call.Name("namespace"), "namespace",
                        [&](const auto& name) { service->set_namespace_(name); });
      !ok)
    return ok.error();
  if (auto ok = SetName(service->name(), call.Name("name"), "name",
                        [&](const auto& name) { service->set_name(name); });
      !ok)
    return ok.error();
  *request.mutable_service() = std::move(*service);
  if (auto ok = ReadConditions(call, request); !ok) return ok.error();
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return WithEtag(JsonResponse(ToJson(*done)), done->etag());
}

Answer DeleteService(Api& api, const RestCall& call) {
  v1::DeleteServiceRequest request;
  request.set_namespace_(call.Name("namespace"));
  request.set_name(call.Name("name"));
  if (call.request.Header("If-Match") != "*")
    request.set_if_match(std::string(call.request.Header("If-Match")));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse({{"revision", done->revision()}});
}

Answer ListInstances(Api& api, const RestCall& call) {
  v1::ListInstancesRequest request;
  request.set_namespace_(call.Name("namespace"));
  request.set_service(call.Name("name"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  Json json = ItemsJson(done->instances());
  json["endpointsVersion"] = done->endpoints_version();
  return JsonResponse(json);
}

Answer PutInstance(Api& api, const RestCall& call) {
  v1::PutInstanceRequest request;
  auto instance = ReadInstance(call.request.body);
  if (!instance) return instance.error();
  if (auto ok = SetName(instance->namespace_(), call.Name("namespace"), "namespace",
                        [&](const auto& name) { instance->set_namespace_(name); });
      !ok)
    return ok.error();
  if (auto ok = SetName(instance->service(), call.Name("name"), "service",
                        [&](const auto& name) { instance->set_service(name); });
      !ok)
    return ok.error();
  if (auto ok = SetName(instance->instance().id(), call.Name("id"), "id",
                        [&](const auto& name) { instance->mutable_instance()->set_id(name); });
      !ok)
    return ok.error();
  *request.mutable_instance() = std::move(*instance);
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse(ToJson(*done));
}

template <class Message>
Message InstanceRequest(const RestCall& call) {
  Message request;
  request.set_namespace_(call.Name("namespace"));
  request.set_service(call.Name("name"));
  request.set_id(call.Name("id"));
  return request;
}

Answer DeleteInstance(Api& api, const RestCall& call) {
  const auto done = api.Call(call.row.rpc, call.principal, InstanceRequest<v1::DeleteInstanceRequest>(call));
  if (!done) return done.error();
  return JsonResponse({{"endpointsVersion", done->endpoints_version()}});
}

Answer Heartbeat(Api& api, const RestCall& call) {
  const auto done = api.Call(call.row.rpc, call.principal, InstanceRequest<v1::HeartbeatRequest>(call));
  if (!done) return done.error();
  return JsonResponse({{"expiresInMs", done->expires_in_ms()}});
}

Result<v1::ApplyRequest> ReadApply(const RestCall& call) {
  v1::ApplyRequest request;
  const auto dry_run = ReadFlag(call, "dryRun");
  if (!dry_run) return dry_run.error();
  request.set_dry_run(*dry_run);
  request.set_documents(call.request.body);
  request.set_file(call.request.Query("file"));
  request.set_namespace_(call.request.Query("namespace"));
  if (auto ok = ReadConditions(call, request); !ok) return ok.error();
  return request;
}

Answer Apply(Api& api, const RestCall& call) {
  const auto request = ReadApply(call);
  if (!request) return request.error();
  const auto done = api.Call(call.row.rpc, call.principal, *request);
  if (!done) return done.error();
  return JsonResponse(ToJson(*done));
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
  const auto done = api.Call(call.row.rpc, call.principal, *request);
  if (!done) return done.error();
  return WithEtag(JsonResponse(ToJson(*done)), done->applied(0).resource().etag());
}

Answer ListResources(Api& api, const RestCall& call) {
  v1::ListResourcesRequest request;
  const auto kind = call.names.find("kind");
  if (kind != call.names.end()) request.set_kind(kind->second);
  if (auto ok = ReadPage(call, request); !ok) return ok.error();
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  Json json = ItemsJson(done->resources());
  json["revision"] = done->revision();
  json["continue"] = done->next();
  return JsonResponse(json);
}

template <class Message>
Message ResourceRequest(const RestCall& call) {
  Message request;
  request.set_kind(call.Name("kind"));
  request.set_namespace_(call.Name("namespace"));
  request.set_name(call.Name("name"));
  return request;
}

Answer GetResource(Api& api, const RestCall& call) {
  const auto done = api.Call(call.row.rpc, call.principal, ResourceRequest<v1::GetResourceRequest>(call));
  if (!done) return done.error();
  return Fresh(call, JsonResponse(ToJson(*done)), done->etag());
}

Answer DeleteResource(Api& api, const RestCall& call) {
  auto request = ResourceRequest<v1::DeleteResourceRequest>(call);
  const auto dry_run = ReadFlag(call, "dryRun");
  if (!dry_run) return dry_run.error();
  request.set_dry_run(*dry_run);
  if (call.request.Header("If-Match") != "*")
    request.set_if_match(std::string(call.request.Header("If-Match")));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse({{"revision", done->revision()}});
}

Answer ListRevisions(Api& api, const RestCall& call) {
  v1::ListRevisionsRequest request;
  std::uint32_t limit = 0;
  std::uint64_t before = 0;
  if (auto ok = ReadNumber(call, "limit", limit); !ok) return ok.error();
  if (auto ok = ReadNumber(call, "before", before); !ok) return ok.error();
  request.set_limit(limit);
  request.set_before(before);
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  Json json = ItemsJson(done->revisions());
  json["head"] = ToJson(done->head());
  json["released"] = done->released();
  return JsonResponse(json);
}

Answer GetRevision(Api& api, const RestCall& call) {
  v1::GetRevisionRequest request;
  const std::string& text = call.Name("revision");
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    return Invalid("'" + text + "' is no revision number", "revision");
  request.set_revision(number);
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  Json json = ToJson(done->revision());
  json["items"] = ItemsJson(done->resources())["items"];
  return JsonResponse(json);
}

Answer ListAgents(Api& api, const RestCall& call) {
  v1::ListAgentsRequest request;
  request.set_namespace_(call.request.Query("namespace"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse(ItemsJson(done->agents()));
}

Answer GetAgentConfig(Api& api, const RestCall& call) {
  v1::GetAgentConfigRequest request;
  request.set_node_id(call.Name("id"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse(ToJson(*done));
}

Answer AcceptAgent(Api& api, const RestCall& call) {
  v1::AcceptAgentRequest request;
  request.set_node_id(call.Name("id"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse({{"accepted", done->accepted()}});
}

Answer DrainAgent(Api& api, const RestCall& call) {
  v1::DrainAgentRequest request;
  request.set_node_id(call.Name("id"));
  if (const std::string text = call.request.Query("deadline"); !text.empty()) {
    const auto ms = ParseSpanMs(text);
    if (!ms) return Invalid(ms.error().detail, "deadline");
    request.set_deadline_ms(*ms);
  }
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse(Json::object());
}

Answer Raw(std::string json) {
  http::Response response;
  response.body = std::move(json);
  return response;
}

Answer GetStats(Api& api, const RestCall& call) {
  v1::GetStatsRequest request;
  request.set_correlation_id(std::string(call.request.Header("X-Correlation-Id")));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return Raw(done->json());
}

Answer Explain(Api& api, const RestCall& call) {
  v1::ExplainQuery request;
  request.set_request_id(call.Name("request-id"));
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return JsonResponse(ToJson(*done));
}

}  // namespace

http::Response JsonResponse(const Json& json) {
  http::Response response;
  response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return response;
}

Result<http::Response> Dispatch(Api& api, const RestCall& call) {
  switch (call.row.rpc) {
    case Rpc::kListServices: return ListServices(api, call);
    case Rpc::kGetService: return GetService(api, call);
    case Rpc::kPutService: return PutService(api, call);
    case Rpc::kDeleteService: return DeleteService(api, call);
    case Rpc::kListInstances: return ListInstances(api, call);
    case Rpc::kPutInstance: return PutInstance(api, call);
    case Rpc::kDeleteInstance: return DeleteInstance(api, call);
    case Rpc::kHeartbeat: return Heartbeat(api, call);
    case Rpc::kApply: return Apply(api, call);
    case Rpc::kPutResource: return PutResource(api, call);
    case Rpc::kGetResource: return GetResource(api, call);
    case Rpc::kListResources: return ListResources(api, call);
    case Rpc::kDeleteResource: return DeleteResource(api, call);
    case Rpc::kListRevisions: return ListRevisions(api, call);
    case Rpc::kGetRevision: return GetRevision(api, call);
    case Rpc::kListAgents: return ListAgents(api, call);
    case Rpc::kGetAgentConfig: return GetAgentConfig(api, call);
    case Rpc::kAcceptAgent: return AcceptAgent(api, call);
    case Rpc::kDrainAgent: return DrainAgent(api, call);
    case Rpc::kGetStats: return GetStats(api, call);
    case Rpc::kServiceStats: return Raw(api.ServiceStats());
    case Rpc::kExplain: return Explain(api, call);
    case Rpc::kVersion: break;  // answered by Rest, which knows the program
  }
  return Error{ErrorKind::kInternal, "a row without a handler", {}, {}};
}

}  // namespace weft::api
