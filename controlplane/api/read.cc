// Reading documents: one, or pages of those that selectors choose.
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"
#include "controlplane/api/filter.h"

namespace weft::api {
Result<store::Key> Control::KeyOf(const std::string& kind, const std::string& ns,
                                  const std::string& name) const {
  const auto parsed = resource::ParseKind(kind);
  if (!parsed) return Error{parsed.error().kind, parsed.error().detail, "kind", {}};
  return store::Key{std::string(resource::ToString(*parsed)),
                    resource::IsNamespaced(*parsed) ? ns : std::string(), name};
}

v1::Resource Control::Describe(const store::Key& key, const Entry& entry) const {
  return ResourceProto(key, entry.document->json, entry.owner, entry.revision);
}

Result<v1::Resource> Control::GetResource(const Principal&, const v1::GetResourceRequest& request) const {
  const std::lock_guard lock(mutex_);
  const auto key = KeyOf(request.kind(), request.namespace_(), request.name());
  if (!key) return key.error();
  const auto entry = entries_.find(*key);
  if (entry == entries_.end())
    return Error{ErrorKind::kNotFound, key->ToString() + " does not exist", {}, {}};
  return Describe(*key, entry->second);
}

Result<v1::ListResourcesResponse> Control::ListResources(const Principal&,
                                                         const v1::ListResourcesRequest& request) const {
  const auto filter = MakeFilter(request);
  if (!filter) return filter.error();
  const auto from = PageStart(request.from());
  if (!from) return from.error();
  const std::uint32_t most = PageSize(request.limit());
  const std::lock_guard lock(mutex_);
  v1::ListResourcesResponse response;
  for (auto entry = entries_.lower_bound(std::max(*from, filter->First())); entry != entries_.end();
       ++entry) {
    if (!filter->MayCome(entry->first)) break;
    if (!filter->Takes(entry->first, entry->second.document->metadata.labels)) continue;
    if (static_cast<std::uint32_t>(response.resources_size()) == most) {
      response.set_next(entry->first.ToString());
      break;
    }
    *response.add_resources() = Describe(entry->first, entry->second);
  }
  response.set_revision(store_.version().revision);
  return response;
}

}  // namespace weft::api
