// Reading documents: one, or pages of those that selectors choose.
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

constexpr std::uint32_t kPage = 500, kLargestPage = 5000;

// The first key that a page shows, and where the next page begins.
template <class Map, class Use>
std::string Page(const Map& map, const std::string& from, std::uint32_t limit, const Use& use) {
  const std::uint32_t most = limit == 0 ? kPage : std::min(limit, kLargestPage);
  std::uint32_t shown = 0;
  for (const auto& [key, value] : map) {
    const std::string name = key.ToString();
    if (!from.empty() && name < from) continue;
    if (shown == most) return name;
    shown += use(key, value) ? 1 : 0;
  }
  return {};
}

}  // namespace

Result<store::Key> Control::KeyOf(const std::string& kind, const std::string& ns,
                                  const std::string& name) const {
  const auto parsed = resource::ParseKind(kind);
  if (!parsed) return Error{parsed.error().kind, parsed.error().detail, "kind", {}};
  return store::Key{std::string(resource::ToString(*parsed)),
                    resource::IsNamespaced(*parsed) ? ns : std::string(), name};
}

v1::Resource Control::Describe(const store::Key& key, const Entry& entry) const {
  v1::Resource out;
  out.set_kind(key.kind);
  out.set_namespace_(key.ns);
  out.set_name(key.name);
  out.set_json(entry.document->json);
  out.set_etag(std::to_string(entry.revision));
  out.set_revision(entry.revision);
  out.set_source(entry.owner);
  return out;
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
  const std::lock_guard lock(mutex_);
  std::string kind;
  if (!request.kind().empty()) {
    const auto key = KeyOf(request.kind(), {}, {});
    if (!key) return key.error();
    kind = key->kind;
  }
  v1::ListResourcesResponse response;
  response.set_next(
      Page(entries_, request.from(), request.limit(), [&](const store::Key& key, const Entry& entry) {
        const bool wanted = (kind.empty() || key.kind == kind) &&
                            (request.namespace_().empty() || key.ns == request.namespace_());
        if (wanted) *response.add_resources() = Describe(key, entry);
        return wanted;
      }));
  response.set_revision(store_.version().revision);
  return response;
}

}  // namespace weft::api
