// The past: revisions, what lies between two of them, and the way back.
#include "common/diff/diff.h"
#include "common/wire/wire.h"
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

using States = std::map<store::Key, const store::Resource*>;

States ByKey(const store::Image& image) {
  States states;
  for (const store::Resource& resource : image.resources) states[resource.key] = &resource;
  return states;
}

std::string YamlOf(const store::Resource* stored) {
  if (stored == nullptr) return {};
  const auto document = ParseStored(*stored);
  return document ? resource::ToYaml(**document) : stored->json + "\n";
}

Error AsField(Error error, const char* field) {
  error.field = field;
  return error;
}

v1::ResourceDiff Compare(const store::Key& key, const store::Resource* before, const store::Resource* after,
                         const v1::DiffRevisionsResponse& range) {
  v1::ResourceDiff out;
  out.set_kind(key.kind);
  out.set_namespace_(key.ns);
  out.set_name(key.name);
  out.set_change(before == nullptr ? "added" : after == nullptr ? "removed" : "changed");
  const std::string name = key.ToString() + "\trevision ";
  out.set_diff(diff::Unified(YamlOf(before), YamlOf(after),
                             {name + std::to_string(range.from()), name + std::to_string(range.to())}));
  return out;
}

void SayKept(v1::ApplyResponse& response, const store::Key& key, const std::string& owner) {
  v1::Finding& finding = *response.add_findings();
  finding.set_code("NotRolledBack");
  finding.set_resource(key.kind + " " + key.ns + "/" + key.name);
  finding.set_message("stays as it is now, because it belongs to the source \"" + owner +
                      "\"; change it there");
}

}  // namespace

Result<v1::ListRevisionsResponse> Control::ListRevisions(const Principal&,
                                                         const v1::ListRevisionsRequest& request) const {
  const std::uint32_t limit = request.limit() == 0 ? 50 : std::min(request.limit(), 1000U);
  if (request.kind().empty() != request.name().empty())
    return Invalid("kind and name go together; give both or neither",
                   request.kind().empty() ? "kind" : "name");
  const std::string ns = request.namespace_().empty() ? "default" : request.namespace_();
  const auto key = KeyOf(request.kind().empty() ? "MeshService" : request.kind(), ns, request.name());
  if (!key) return key.error();
  const auto history = request.kind().empty() ? store_.History(request.before(), limit)
                                              : store_.HistoryOf(*key, request.before(), limit);
  if (!history) return history.error();
  const auto released = store_.Released(store::kDefaultCohort);
  if (!released) return released.error();
  v1::ListRevisionsResponse response;
  for (const store::Revision& revision : *history) *response.add_revisions() = ToProto(revision);
  const store::Version head = store_.version();
  *response.mutable_head() = wire::ToProto(snapshot::Version{head.store_id, head.epoch, head.revision});
  response.set_released(*released);
  return response;
}

Result<v1::GetRevisionResponse> Control::GetRevision(const Principal&,
                                                     const v1::GetRevisionRequest& request) const {
  const Error missing{
      ErrorKind::kNotFound, "there is no revision " + std::to_string(request.revision()), "revision", {}};
  const auto image = store_.At(request.revision());
  if (!image) return image.error();
  const auto history = store_.History(request.revision() + 1, 1);
  if (!history) return history.error();
  if (history->empty()) return missing;
  v1::GetRevisionResponse response;
  *response.mutable_revision() = ToProto(history->front());
  for (const store::Resource& resource : image->resources) *response.add_resources() = ToProto(resource);
  return response;
}

Result<v1::DiffRevisionsResponse> Control::DiffRevisions(const Principal&,
                                                         const v1::DiffRevisionsRequest& request) const {
  v1::DiffRevisionsResponse response;
  response.set_from(request.from());
  response.set_to(request.to() == 0 ? store_.version().revision : request.to());
  const auto before = store_.At(response.from());
  if (!before) return AsField(before.error(), "from");
  const auto after = store_.At(response.to());
  if (!after) return AsField(after.error(), "to");
  const States old = ByKey(*before);
  States rest = ByKey(*after);
  std::map<store::Key, v1::ResourceDiff> found;
  for (const auto& [key, was] : old) {
    const auto is = rest.extract(key);
    const store::Resource* now = is.empty() ? nullptr : is.mapped();
    if (now == nullptr || now->json != was->json) found[key] = Compare(key, was, now, response);
  }
  for (const auto& [key, now] : rest) found[key] = Compare(key, nullptr, now, response);
  for (auto& [key, one] : found) *response.add_resources() = std::move(one);
  return response;
}

// What API writers own becomes what it was; a resource that another source owns by now stays with that
// source.
Result<Control::Draft> Control::DraftOfPast(std::uint64_t revision) const {
  const auto image = store_.At(revision);
  if (!image) return AsField(image.error(), "revision");
  const States past = ByKey(*image);
  Draft draft;
  for (const auto& [key, stored] : past) {
    const auto current = entries_.find(key);
    const bool there = current != entries_.end();
    const std::string& owner = there ? current->second.owner : stored->owner;
    const bool same = there && stored->json == current->second.document->json;
    if (owner != kApiOwner && !same) SayKept(draft.response, key, owner);
    if (owner != kApiOwner || stored->owner != kApiOwner) continue;
    const auto document = ParseStored(*stored);
    if (!document) return document.error();
    if (auto ok = AddChange(draft, *document, kApiOwner); !ok) return ok.error();
  }
  for (const auto& [key, entry] : entries_) {
    const auto then = past.find(key);
    if (entry.owner != kApiOwner && then == past.end()) SayKept(draft.response, key, entry.owner);
    if (entry.owner != kApiOwner || (then != past.end() && then->second->owner == kApiOwner)) continue;
    if (auto ok = AddDelete(draft, key, kApiOwner, {}); !ok) return ok.error();
  }
  return draft;
}

Result<v1::RollBackResponse> Control::RollBackLocked(const Principal& principal,
                                                     const v1::RollBackRequest& request) {
  if (request.revision() == 0)
    return Invalid("must be at least 1; to empty the store, delete its resources", "revision");
  auto draft = DraftOfPast(request.revision());
  if (!draft) return draft.error();
  draft->write.text = "# rollback to revision " + std::to_string(request.revision()) + "\n";
  const bool unchanged = draft->write.changes.empty();
  auto done = Finish(std::move(*draft), principal, request.dry_run());
  if (!done) return done.error();
  v1::RollBackResponse response;
  response.set_revision(done->revision());
  response.set_restored(request.revision());
  response.set_unchanged(unchanged);
  response.set_dry_run(request.dry_run());
  for (v1::Applied& applied : *done->mutable_applied()) {
    if (applied.action() != "unchanged") *response.add_applied() = std::move(applied);
  }
  *response.mutable_findings() = std::move(*done->mutable_findings());
  return response;
}

Result<v1::RollBackResponse> Control::RollBack(const Principal& principal,
                                               const v1::RollBackRequest& request) {
  const std::lock_guard lock(mutex_);
  return Counted(RollBackLocked(principal, request));
}

}  // namespace weft::api
