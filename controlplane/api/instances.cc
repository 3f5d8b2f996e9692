// Registered instances and their leases. They are kept apart from documents, so that a heartbeat is no write
// and a rollback resurrects no instance.
#include <google/protobuf/util/json_util.h>

#include "common/log/log.h"
#include "common/wire/wire.h"
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"
#include "controlplane/api/filter.h"
#include "controlplane/api/text.h"

namespace weft::api {
namespace {

constexpr std::int64_t kLongestTtlMs = 24LL * 3600 * 1000;

// Equal registrations have equal etags, across restarts too.
std::string EtagOfInstance(const v1::RegisteredInstance& proto) {
  return EtagOfBytes(proto.SerializeAsString());
}

std::vector<snapshot::Instance>::const_iterator AtOrAfter(const snapshot::Endpoints& endpoints,
                                                          const InstanceId& id) {
  return std::lower_bound(
      endpoints.instances.begin(), endpoints.instances.end(), id,
      [](const snapshot::Instance& one, const InstanceId& wanted) { return one.id < wanted; });
}

Error NotByTheApi(const std::string& id, const std::string& source) {
  return Error{
      ErrorKind::kConflict, "instance " + id + " belongs to '" + source + "'; change it there", "id", {}};
}

}  // namespace

v1::RegisteredInstance Control::DescribeInstance(const snapshot::Endpoints& endpoints,
                                                 const v1::Instance& instance) const {
  const ServiceKey& service = endpoints.service;
  v1::RegisteredInstance out;
  const auto registered = registered_.find(service);
  const bool known = registered != registered_.end() && registered->second.contains(instance.id());
  if (known) out = registered->second.at(instance.id()).proto;
  out.set_namespace_(service.ns);
  out.set_service(service.name);
  *out.mutable_instance() = instance;
  out.set_etag(known ? EtagOfInstance(registered->second.at(instance.id()).proto) : EtagOfInstance(out));
  out.set_is_static(!known);
  out.set_endpoints_version(endpoints.version);
  if (settings_.sources != nullptr && !out.source().empty()) {
    const Duration stale = settings_.sources->StaleFor(out.source(), settings_.clock());
    out.set_stale_ms((stale.count() + 999'999) / 1'000'000);
  }
  const auto left = leases_.Remaining({service.ToString(), instance.id()}, settings_.clock());
  if (left) out.set_expires_in_ms(left->count() / 1'000'000);
  return out;
}

Result<v1::ListInstancesResponse> Control::ListInstances(const Principal&,
                                                         const v1::ListInstancesRequest& request) const {
  const auto selector = resource::Selector::ParseLabels(request.label_selector(), "labelSelector");
  if (!selector) return selector.error();
  const std::lock_guard lock(mutex_);
  const ServiceKey service{"local", request.namespace_(), request.service()};
  if (!HasService(service)) return NoService(service.ns, service.name);
  v1::ListInstancesResponse response;
  const auto endpoints = publisher_.Endpoints(service);
  if (endpoints == nullptr) return response;
  const std::uint32_t most = PageSize(request.limit());
  for (auto instance = AtOrAfter(*endpoints, request.from()); instance != endpoints->instances.end();
       ++instance) {
    if (!Takes(*selector, instance->labels)) continue;
    if (static_cast<std::uint32_t>(response.instances_size()) == most) {
      response.set_next(instance->id);
      break;
    }
    *response.add_instances() = DescribeInstance(*endpoints, wire::ToProto(*instance));
  }
  response.set_endpoints_version(endpoints->version);
  return response;
}

Result<v1::RegisteredInstance> Control::GetInstance(const Principal&,
                                                    const v1::GetInstanceRequest& request) const {
  const std::lock_guard lock(mutex_);
  const ServiceKey service{"local", request.namespace_(), request.service()};
  if (!HasService(service)) return NoService(service.ns, service.name);
  if (const auto endpoints = publisher_.Endpoints(service)) {
    const auto found = AtOrAfter(*endpoints, request.id());
    if (found != endpoints->instances.end() && found->id == request.id())
      return DescribeInstance(*endpoints, wire::ToProto(*found));
  }
  return Error{
      ErrorKind::kNotFound, service.ToString() + " has no instance '" + request.id() + "'", "id", {}};
}

std::uint64_t Control::PublishInstances(const ServiceKey& service) {
  std::vector<snapshot::Instance> instances;
  for (const auto& [id, registration] : registered_[service]) instances.push_back(registration.instance);
  return publisher_.Registered(service, std::move(instances));
}

Result<v1::RegisteredInstance> Control::PutInstance(const Principal&, const v1::PutInstanceRequest& request) {
  const std::lock_guard lock(mutex_);
  v1::RegisteredInstance proto = request.instance();
  const ServiceKey service{"local", proto.namespace_(), proto.service()};
  if (!HasService(service)) return NoService(service.ns, service.name);
  if (proto.ttl_ms() < 0 || proto.ttl_ms() > kLongestTtlMs)
    return Invalid("must be between 0 (no lease) and 24h", "ttl");
  auto instance = CheckInstance(service, proto.instance());
  if (!instance) return instance.error();
  proto.clear_expires_in_ms();
  proto.clear_endpoints_version();
  proto.clear_etag();
  proto.set_is_static(false);
  proto.clear_source();
  proto.clear_stale_ms();
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(proto, &json).ok())
    return Invalid("the instance holds text that is not UTF-8");
  const std::string id = proto.instance().id();
  const auto known = registered_[service].find(id);
  const bool exists = known != registered_[service].end();
  if (exists && !known->second.proto.source().empty()) return NotByTheApi(id, known->second.proto.source());
  const auto etag = exists ? std::optional(EtagOfInstance(known->second.proto)) : std::nullopt;
  const Conditions conditions{request.if_match(), request.if_none_match()};
  if (auto ok = Check(conditions, etag, "instance " + id); !ok) return ok.error();
  const std::string fresh = EtagOfInstance(proto);
  if (request.dry_run()) {
    proto.set_etag(fresh);
    return proto;
  }
  const bool same = exists && known->second.proto.SerializeAsString() == proto.SerializeAsString();
  if (!same) {  // registering the same again only renews
    if (auto ok = store_.PutInstance({service.ToString(), id, json}); !ok) return ok.error();
    events::Note(settings_.events, false, exists ? "InstanceChanged" : "InstanceRegistered",
                 {"MeshService", service.ns, service.name},
                 "instance " + id + " at " + instance->address.ToString());
    registered_[service][id] = {proto, std::move(*instance)};
  }
  leases_.Grant({service.ToString(), id}, std::chrono::milliseconds(proto.ttl_ms()), settings_.clock());
  proto.set_endpoints_version(PublishInstances(service));
  proto.set_expires_in_ms(proto.ttl_ms());
  proto.set_etag(fresh);
  return proto;
}

Result<v1::DeleteInstanceResponse> Control::DeleteInstance(const Principal&,
                                                           const v1::DeleteInstanceRequest& request) {
  const std::lock_guard lock(mutex_);
  const ServiceKey service{"local", request.namespace_(), request.service()};
  const auto found = registered_.find(service);
  if (found == registered_.end() || !found->second.contains(request.id())) {
    return Error{ErrorKind::kNotFound,
                 "no instance '" + request.id() + "' is registered for " + service.ToString(),
                 {},
                 {}};
  }
  const v1::RegisteredInstance& known = found->second.at(request.id()).proto;
  if (!known.source().empty()) return NotByTheApi(request.id(), known.source());
  const std::string etag = EtagOfInstance(known);
  if (auto ok = Check({request.if_match(), false}, etag, "instance " + request.id()); !ok) return ok.error();
  v1::DeleteInstanceResponse response;
  if (request.dry_run()) {
    const auto endpoints = publisher_.Endpoints(service);
    response.set_endpoints_version(endpoints == nullptr ? 0 : endpoints->version);
    return response;
  }
  if (auto ok = store_.DeleteInstance(service.ToString(), request.id()); !ok) return ok.error();
  found->second.erase(request.id());
  events::Note(settings_.events, false, "InstanceRemoved", {"MeshService", service.ns, service.name},
               "instance " + request.id());
  leases_.Drop({service.ToString(), request.id()});
  response.set_endpoints_version(PublishInstances(service));
  return response;
}

Result<v1::HeartbeatResponse> Control::Heartbeat(const Principal&, const v1::HeartbeatRequest& request) {
  const std::lock_guard lock(mutex_);
  const ServiceKey service{"local", request.namespace_(), request.service()};
  const auto found = registered_.find(service);
  if (found == registered_.end() || !found->second.contains(request.id())) {
    return Error{
        ErrorKind::kNotFound,
        "no instance '" + request.id() + "' is registered for " + service.ToString() + "; register it again",
        {},
        {}};
  }
  v1::HeartbeatResponse response;
  if (leases_.Renew({service.ToString(), request.id()}, settings_.clock())) {
    response.set_expires_in_ms(found->second.at(request.id()).proto.ttl_ms());
  }
  return response;
}

void Control::ExpireLeases() {
  const std::lock_guard lock(mutex_);
  if (const TimePoint now = settings_.clock(); now - woken_ >= std::chrono::seconds(5)) {
    woken_ = now;
    changes_.Wake();
  }
  for (const auto& [name, id] : leases_.TakeLapsed(settings_.clock())) {
    const ServiceKey service = ServiceKey::Parse(name).value();
    const auto gone = store_.DeleteInstance(name, id);
    if (!gone && gone.error().kind != ErrorKind::kNotFound)
      log::Warn("lapsed instance stays in the store", {{"error", gone.error().Text()}});
    registered_[service].erase(id);
    ++counts_.lapsed;
    log::Info("lease lapsed", {{"service", name}, {"instance", id}});
    events::Note(settings_.events, true, "LeaseLapsed", {"MeshService", service.ns, service.name},
                 "instance " + id + " did not renew its lease: it gets no requests until it registers again");
    PublishInstances(service);
  }
}

// A service is gone: what had registered for it goes too.
void Control::Forget(const ServiceKey& service) {
  std::vector<store::InstanceChange> gone;
  for (const auto& [id, registration] : registered_[service]) {
    gone.push_back({service.ToString(), id, std::nullopt});
    leases_.Drop({service.ToString(), id});
  }
  const Status kept = gone.empty() ? Status() : store_.ChangeInstances(gone);
  if (!kept) log::Warn("instances of a deleted service stay in the store", {{"error", kept.error().Text()}});
  registered_[service].clear();
  PublishInstances(service);
}

Status Control::LoadInstances() {
  const auto stored = store_.Instances();
  if (!stored) return stored.error();
  for (const store::Registered& one : *stored) {
    Registration registration;
    const auto service = ServiceKey::Parse(one.service);
    const bool readable = google::protobuf::util::JsonStringToMessage(one.json, &registration.proto).ok();
    const auto instance = service && readable ? CheckInstance(*service, registration.proto.instance())
                                              : Result<snapshot::Instance>(Error{});
    if (!instance || !HasService(*service)) {
      log::Warn("a stored instance was left out", {{"service", one.service}, {"instance", one.id}});
      continue;
    }
    registration.instance = *instance;
    leases_.Grant({one.service, one.id}, std::chrono::milliseconds(registration.proto.ttl_ms()),
                  settings_.clock());
    registered_[*service][one.id] = std::move(registration);
  }
  for (const auto& [service, instances] : registered_)
    publisher_.Registered(service, [&instances = instances] {
      std::vector<snapshot::Instance> list;
      for (const auto& [id, registration] : instances) list.push_back(registration.instance);
      return list;
    }());
  return {};
}

}  // namespace weft::api
