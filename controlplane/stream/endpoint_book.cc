#include "controlplane/stream/endpoint_book.h"

#include <map>

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

snapshot::EndpointsPtr EndpointBook::SetStatic(const ServiceKey& service,
                                               std::vector<snapshot::Instance> instances) {
  Entry& entry = entries_[service];
  entry.fixed = std::move(instances);
  return Update(service, entry);
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

const std::vector<snapshot::Instance>* EndpointBook::FindStatic(const ServiceKey& service) const {
  const auto found = entries_.find(service);
  return found == entries_.end() ? nullptr : &found->second.fixed;
}

snapshot::EndpointsPtr EndpointBook::Update(const ServiceKey& service, Entry& entry) {
  std::vector<snapshot::Instance> instances = MergeById(entry.fixed, entry.registered);
  if (entry.merged != nullptr && entry.merged->instances == instances) return nullptr;
  const std::uint64_t version = entry.merged == nullptr ? 1 : entry.merged->version + 1;
  entry.merged = std::make_shared<const snapshot::Endpoints>(
      snapshot::Endpoints{service, version, std::move(instances)});
  return entry.merged;
}

}  // namespace weft::stream
