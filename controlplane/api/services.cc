// Services: the registry's view of MeshService documents.
#include <nlohmann/json.hpp>

#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"
#include "controlplane/api/filter.h"
#include "controlplane/api/text.h"

namespace weft::api {

std::string ServiceDocument(const v1::Service& service, const resource::Document* before) {
  nlohmann::json document =
      before == nullptr ? nlohmann::json::object() : nlohmann::json::parse(before->json);
  document["apiVersion"] = resource::ApiVersion(resource::Kind::kMeshService);
  document["kind"] = "MeshService";
  document["metadata"]["name"] = service.name();
  document["metadata"]["namespace"] = service.namespace_();
  document["metadata"].erase("labels");
  for (const v1::Label& label : service.labels())
    document["metadata"]["labels"][label.name()] = label.value();
  document["spec"]["ports"] = nlohmann::json::array();
  for (const v1::ServicePort& port : service.ports()) {
    nlohmann::json one{{"port", port.port()}};
    if (!port.name().empty()) one["name"] = port.name();
    if (port.protocol() != v1::PROTOCOL_DETECT) one["protocol"] = ProtocolName(port.protocol());
    if (port.has_opaque()) one["opaque"] = port.opaque();
    if (port.proxy_protocol() != 0) one["proxyProtocol"] = ProxyProtocolName(port.proxy_protocol());
    document["spec"]["ports"].push_back(std::move(one));
  }
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool Control::HasService(const ServiceKey& key) const {
  return entries_.contains(MeshServiceKey(key.ns, key.name));
}

Result<v1::Service> Control::DescribeService(const std::string& ns, const std::string& name) const {
  const auto found = entries_.find(MeshServiceKey(ns, name));
  if (found == entries_.end()) return NoService(ns, name);
  const Entry& entry = found->second;
  v1::Service out;
  out.set_namespace_(ns);
  out.set_name(name);
  for (const policy::ServicePort& port : entry.document->mesh_service().ports) {
    v1::ServicePort& proto = *out.add_ports();
    proto.set_name(port.name);
    proto.set_port(port.port);
    proto.set_protocol(static_cast<v1::Protocol>(port.protocol));
    proto.set_proxy_protocol(port.proxy_protocol);
    const bool detected = port.protocol == policy::Protocol::kDetect;
    if (detected && policy::IsOpaqueByDefault(port.port)) proto.set_opaque(false);
  }
  for (const auto& [label, value] : entry.document->metadata.labels) {
    v1::Label& proto = *out.add_labels();
    proto.set_name(label);
    proto.set_value(value);
  }
  out.set_etag(std::to_string(entry.revision));
  out.set_revision(entry.revision);
  out.set_source(entry.owner);
  if (settings_.sources != nullptr) {
    for (const sources::Condition& condition : settings_.sources->Conditions(
             {"local", ns, name}, entry.owner, settings_.clock(), settings_.wall_clock())) {
      v1::Condition& proto = *out.add_conditions();
      proto.set_type(std::string(condition.type));
      proto.set_reason(std::string(condition.reason));
      proto.set_message(condition.message);
      proto.set_since_unix_ms(UnixMs(condition.since));
    }
  }
  if (const auto endpoints = publisher_.Endpoints({"local", ns, name})) {
    out.set_instances(static_cast<std::uint32_t>(endpoints->instances.size()));
    out.set_healthy(static_cast<std::uint32_t>(std::count_if(
        endpoints->instances.begin(), endpoints->instances.end(), [](const snapshot::Instance& instance) {
          return instance.declared != snapshot::Declared::kUnhealthy && !instance.draining;
        })));
  }
  return out;
}

Result<v1::ListServicesResponse> Control::ListServices(const Principal&,
                                                       const v1::ListServicesRequest& request) const {
  const auto filter =
      MakeFilter("MeshService", request.namespace_(), request.label_selector(), request.field_selector());
  if (!filter) return filter.error();
  const auto from = PageStart(request.from());
  if (!from) return from.error();
  const std::uint32_t most = PageSize(request.limit());
  const std::lock_guard lock(mutex_);
  v1::ListServicesResponse response;
  for (auto entry = entries_.lower_bound(std::max(*from, filter->First())); entry != entries_.end();
       ++entry) {
    const store::Key& key = entry->first;
    if (!filter->MayCome(key)) break;
    if (!filter->Takes(key, entry->second.document->metadata.labels)) continue;
    if (static_cast<std::uint32_t>(response.services_size()) == most) {
      response.set_next(key.ToString());
      break;
    }
    *response.add_services() = DescribeService(key.ns, key.name).value();
  }
  response.set_revision(store_.version().revision);
  return response;
}

Result<v1::Service> Control::GetService(const Principal&, const v1::GetServiceRequest& request) const {
  const std::lock_guard lock(mutex_);
  return DescribeService(request.namespace_(), request.name());
}

Result<v1::Service> Control::PutService(const Principal& principal, const v1::PutServiceRequest& request) {
  const std::lock_guard lock(mutex_);
  const v1::Service& service = request.service();
  const auto before = entries_.find(MeshServiceKey(service.namespace_(), service.name()));
  v1::ApplyRequest apply;
  apply.set_documents(
      ServiceDocument(service, before == entries_.end() ? nullptr : before->second.document.get()));
  apply.set_if_match(request.if_match());
  apply.set_if_none_match(request.if_none_match());
  apply.set_dry_run(request.dry_run());
  const auto done = Counted(ApplyLocked(principal, apply, kApiOwner));
  if (!done) return done.error();
  if (!request.dry_run()) return DescribeService(service.namespace_(), service.name());
  v1::Service planned = service;
  planned.set_source(kApiOwner);
  return planned;
}

Result<v1::DeleteServiceResponse> Control::DeleteService(const Principal& principal,
                                                         const v1::DeleteServiceRequest& request) {
  v1::DeleteResourceRequest remove;
  remove.set_kind("MeshService");
  remove.set_namespace_(request.namespace_());
  remove.set_name(request.name());
  remove.set_if_match(request.if_match());
  remove.set_dry_run(request.dry_run());
  const auto done = DeleteResource(principal, remove);
  if (!done) return done.error();
  v1::DeleteServiceResponse response;
  response.set_revision(done->revision());
  return response;
}

}  // namespace weft::api
