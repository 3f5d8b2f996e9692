// REST of services and instances.
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"
#include "controlplane/api/text.h"

namespace weft::api::rest {
namespace {

// A name in the body must be the path's.
Status SetName(std::string said, const std::string& path, const char* field,
               const std::function<void(const std::string&)>& set) {
  if (!said.empty() && said != path) return Invalid("'" + said + "' is not the path's '" + path + "'", field);
  set(path);
  return {};
}

template <class Message>
Message InstanceRequest(const RestCall& call) {
  Message request;
  request.set_namespace_(call.Name("namespace"));
  request.set_service(call.Name("name"));
  request.set_id(call.Name("id"));
  return request;
}

}  // namespace

Answer ListServices(Api& api, const RestCall& call) {
  v1::ListServicesRequest request;
  if (auto ok = ReadPage(call, request); !ok) return ok.error();
  request.set_field_selector(call.request.Query("fieldSelector"));
  return Ask(api, call, request,
             [&](const auto& done) { return FreshList(call, PageJson(done.services(), done)); });
}

Answer GetService(Api& api, const RestCall& call) {
  v1::GetServiceRequest request;
  request.set_namespace_(call.Name("namespace"));
  request.set_name(call.Name("name"));
  return Ask(api, call, request,
             [&](const auto& done) { return Fresh(call, JsonResponse(ToJson(done)), done.etag()); });
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
  if (auto ok = ReadDryRun(call, request); !ok) return ok.error();
  if (auto ok = ReadConditions(call, request); !ok) return ok.error();
  return Ask(api, call, request,
             [](const auto& done) { return WithEtag(JsonResponse(ToJson(done)), done.etag()); });
}

Answer DeleteService(Api& api, const RestCall& call) {
  v1::DeleteServiceRequest request;
  request.set_namespace_(call.Name("namespace"));
  request.set_name(call.Name("name"));
  request.set_if_match(std::string(call.request.Header("If-Match")));
  if (auto ok = ReadDryRun(call, request); !ok) return ok.error();
  return Ask(api, call, request, [](const auto& done) {
    return JsonResponse({{"revision", done.revision()}});
  });
}

Answer ListInstances(Api& api, const RestCall& call) {
  v1::ListInstancesRequest request;
  request.set_namespace_(call.Name("namespace"));
  request.set_service(call.Name("name"));
  request.set_label_selector(call.request.Query("labelSelector"));
  std::uint32_t limit = 0;
  if (auto ok = ReadNumber(call, "limit", limit); !ok) return ok.error();
  request.set_limit(limit);
  request.set_from(call.request.Query("continue"));
  return Ask(api, call, request, [&](const v1::ListInstancesResponse& done) {
    Json json = ItemsJson(done.instances());
    json["endpointsVersion"] = done.endpoints_version();
    json["continue"] = done.next();
    return FreshList(call, json);
  });
}

Answer GetInstance(Api& api, const RestCall& call) {
  return Ask(api, call, InstanceRequest<v1::GetInstanceRequest>(call),
             [&](const v1::RegisteredInstance& done) {
               return Fresh(call, JsonResponse(ToJson(done)), done.etag());
             });
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
  if (auto ok = ReadDryRun(call, request); !ok) return ok.error();
  if (auto ok = ReadConditions(call, request); !ok) return ok.error();
  return Ask(api, call, request, [](const v1::RegisteredInstance& done) {
    return WithEtag(JsonResponse(ToJson(done)), done.etag());
  });
}

Answer DeleteInstance(Api& api, const RestCall& call) {
  auto request = InstanceRequest<v1::DeleteInstanceRequest>(call);
  request.set_if_match(std::string(call.request.Header("If-Match")));
  if (auto ok = ReadDryRun(call, request); !ok) return ok.error();
  return Ask(api, call, request, [](const v1::DeleteInstanceResponse& done) {
    return JsonResponse({{"endpointsVersion", done.endpoints_version()}});
  });
}

Answer Heartbeat(Api& api, const RestCall& call) {
  return Ask(api, call, InstanceRequest<v1::HeartbeatRequest>(call), [](const auto& done) {
    return JsonResponse({{"expiresInMs", done.expires_in_ms()}});
  });
}

}  // namespace weft::api::rest
