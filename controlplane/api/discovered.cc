// What sources outside found: who owns which service, and the instances of those that a source owns. They are
// endpoints, so they make no revision; they are in the store, so that a restart while the source is away
// serves the last known ones.
#include <google/protobuf/util/json_util.h>

#include "common/log/log.h"
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

bool Same(const v1::Instance& a, const v1::Instance& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

std::optional<std::string> Control::OwnerOf(const ServiceKey& service) const {
  return OwnerOf(MeshServiceKey(service.ns, service.name));
}

std::optional<std::string> Control::OwnerOf(const store::Key& document) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(document);
  if (entry == entries_.end()) return std::nullopt;
  return entry->second.owner;
}

std::set<store::Key> Control::DocumentsOf(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  std::set<store::Key> keys;
  for (const auto& [key, entry] : entries_) {
    if (entry.owner == owner) keys.insert(key);
  }
  return keys;
}

std::map<store::Key, Control::Judged> Control::JudgedOf(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  std::map<store::Key, Judged> judged;
  std::map<std::string, Judged*> by_name;
  for (const auto& [key, entry] : entries_) {
    if (entry.owner != owner) continue;
    Judged& one = judged[key];
    one.document = entry.document;
    by_name[entry.document->Name()] = &one;
  }
  for (const compile::Finding& finding : compiler_.Findings()) {
    const auto about = by_name.find(finding.resource);
    if (about != by_name.end()) about->second->findings.push_back(finding);
  }
  return judged;
}

std::set<ServiceKey> Control::ServicesOf(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  std::set<ServiceKey> services;
  for (auto entry = entries_.lower_bound({"MeshService", "", ""}); entry != entries_.end(); ++entry) {
    if (entry->first.kind != "MeshService") break;
    if (entry->second.owner == owner) services.insert({"local", entry->first.ns, entry->first.name});
  }
  return services;
}

std::vector<v1::Instance> Control::Discovered(const std::string& owner, const ServiceKey& service) const {
  const std::lock_guard lock(mutex_);
  std::vector<v1::Instance> out;
  const auto found = registered_.find(service);
  if (found == registered_.end()) return out;
  for (const auto& [id, registration] : found->second) {
    if (registration.proto.source() == owner) out.push_back(registration.proto.instance());
  }
  return out;
}

std::size_t Control::CountDiscovered(const std::string& owner) const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [service, instances] : registered_) {
    for (const auto& [id, registration] : instances) count += registration.proto.source() == owner ? 1 : 0;
  }
  return count;
}

Result<std::vector<Error>> Control::SetDiscovered(const std::string& owner, const ServiceKey& service,
                                                  const std::vector<v1::Instance>& instances) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(MeshServiceKey(service.ns, service.name));
  if (entry == entries_.end()) return NoService(service.ns, service.name);
  if (entry->second.owner != owner)
    return Error{
        ErrorKind::kConflict, service.ToString() + " belongs to '" + entry->second.owner + "'", {}, {}};
  std::vector<Error> unusable;
  const auto changes = TakeDiscovered(owner, service, instances, unusable);
  if (changes.empty()) return unusable;
  PublishInstances(service);  // first: the source has them, whatever becomes of our copy
  if (auto kept = store_.ChangeInstances(changes); !kept)
    log::Warn("discovered instances are served, but a restart would not know them",
              {{"service", service.ToString()}, {"error", kept.error().Text()}});
  return unusable;
}

std::vector<store::InstanceChange> Control::TakeDiscovered(const std::string& owner,
                                                           const ServiceKey& service,
                                                           const std::vector<v1::Instance>& instances,
                                                           std::vector<Error>& unusable) {
  std::map<InstanceId, Registration>& known = registered_[service];
  std::vector<store::InstanceChange> changes;
  std::set<InstanceId> said;
  for (const v1::Instance& instance : instances) {
    const auto before = known.find(instance.id());
    if (before != known.end() && before->second.proto.source() != owner) {
      unusable.push_back(Invalid("another instance is registered with this id", "id", instance.id()));
      continue;
    }
    said.insert(instance.id());
    if (before != known.end() && Same(before->second.proto.instance(), instance)) continue;
    auto checked = CheckInstance(service, instance);
    Registration fresh;
    fresh.proto.set_namespace_(service.ns);
    fresh.proto.set_service(service.name);
    fresh.proto.set_source(owner);
    *fresh.proto.mutable_instance() = instance;
    std::string json;
    if (checked && !google::protobuf::util::MessageToJsonString(fresh.proto, &json).ok())
      checked = Invalid("holds text that is not UTF-8");
    if (!checked) {
      unusable.push_back(checked.error());
      unusable.back().where = instance.id();
      said.erase(instance.id());
      continue;
    }
    fresh.instance = std::move(*checked);
    known[instance.id()] = std::move(fresh);
    changes.push_back({service.ToString(), instance.id(), std::move(json)});
  }
  for (auto one = known.begin(); one != known.end();) {
    const bool gone = one->second.proto.source() == owner && !said.contains(one->first);
    if (gone) changes.push_back({service.ToString(), one->first, std::nullopt});
    one = gone ? known.erase(one) : std::next(one);
  }
  return changes;
}

}  // namespace weft::api
