#include "controlplane/stream/endpoint_book.h"

#include "common/wire/wire.h"

namespace weft::stream {
namespace {

std::vector<snapshot::Instance> MergeById(const std::vector<snapshot::Instance>& fixed,
                                          const std::vector<snapshot::Instance>& registered) {
  std::map<InstanceId, snapshot::Instance> by_id;
  for (const snapshot::Instance& instance : fixed) by_id[instance.id] = instance;
  for (const snapshot::Instance& instance : registered) by_id[instance.id] = instance;
  std::vector<snapshot::Instance> merged;
  for (auto& [id, instance] : by_id) {
    instance.hash = HashBytes(id);
    merged.push_back(std::move(instance));
  }
  return merged;
}

}  // namespace

std::vector<snapshot::EndpointsPtr> EndpointBook::SetStatic(
    const std::map<ServiceKey, snapshot::Endpoints>& lists) {
  for (const auto& [service, list] : lists) entries_.try_emplace(service);
  std::vector<snapshot::EndpointsPtr> changed;
  for (auto& [service, entry] : entries_) {
    const auto found = lists.find(service);
    entry.fixed = found == lists.end() ? std::vector<snapshot::Instance>() : found->second.instances;
    if (auto update = Update(service, entry)) changed.push_back(std::move(update));
  }
  return changed;
}

snapshot::EndpointsPtr EndpointBook::SetRegistered(const ServiceKey& service,
                                                   std::vector<snapshot::Instance> instances) {
  Entry& entry = entries_[service];
  entry.registered = std::move(instances);
  return Update(service, entry);
}

snapshot::EndpointsPtr EndpointBook::Find(const ServiceKey& service) const {
  const auto found = entries_.find(service);
  return found == entries_.end() ? nullptr : found->second.merged;
}

snapshot::EndpointsPtr EndpointBook::Update(const ServiceKey& service, Entry& entry) {
  auto next = std::make_shared<snapshot::Endpoints>();
  next->service = service;
  next->instances = MergeById(entry.fixed, entry.registered);
  std::string bytes = wire::ToProto(snapshot::EndpointsUpdate{{}, 0, next}).SerializeAsString();
  if (entry.merged != nullptr && bytes == entry.bytes) return nullptr;
  next->version = entry.merged == nullptr ? 1 : entry.merged->version + 1;
  entry.bytes = std::move(bytes);
  entry.merged = std::move(next);
  return entry.merged;
}

}  // namespace weft::stream
