#include "controlplane/api/control.h"

#include "common/log/log.h"
#include "common/wire/wire.h"
#include "controlplane/api/text.h"

namespace weft::api {
namespace {

constexpr std::uint32_t kPage = 500, kLargestPage = 5000;

store::Key KeyOfDocument(const resource::Document& document) {
  return {std::string(resource::ToString(document.kind)), document.metadata.ns, document.metadata.name};
}

Error FromFinding(const compile::Finding& finding) {
  Error error{ErrorKind::kInvalid, finding.message, finding.field, finding.where};
  if (error.where.empty()) error.where = finding.resource;
  return error;
}

// The first problem, and how many more there are.
Error Combined(const std::vector<Error>& errors) {
  Error error = errors.front();
  if (errors.size() > 1) error.detail += " (and " + std::to_string(errors.size() - 1) + " more)";
  return error;
}

v1::Finding ToProto(const compile::Finding& finding) {
  v1::Finding out;
  out.set_error(finding.error);
  out.set_code(finding.code);
  out.set_resource(finding.resource);
  out.set_field(finding.field);
  out.set_where(finding.where);
  out.set_message(finding.message);
  return out;
}

v1::Revision ToProto(const store::Revision& revision) {
  v1::Revision out;
  out.set_revision(revision.revision);
  out.set_at_unix_ms(revision.at_unix_ms);
  out.set_principal(revision.principal);
  for (const store::Key& key : revision.changed) out.add_resources(key.ToString());
  const std::size_t more = revision.changed.size() - std::min<std::size_t>(revision.changed.size(), 1);
  if (!revision.changed.empty()) {
    out.set_summary(revision.changed.front().ToString() +
                    (more == 0 ? "" : " and " + std::to_string(more) + " more"));
  }
  return out;
}

// An agent would refuse such a bundle, so the write is refused here, before it is made.
Status CheckWire(const compile::Output& compiled) {
  for (const auto& [key, bundle] : compiled.bundles) {
    const auto sealed = wire::Seal(bundle);
    if (!sealed)
      return Error{ErrorKind::kInvalid, sealed.error().detail, sealed.error().field,
                   "service " + key.ToString()};
  }
  return {};
}

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

Control::Control(store::Store& store, Publisher& publisher, Settings settings)
    : store_(store), publisher_(publisher), settings_(std::move(settings)) {}

Status Control::Load() {
  const std::lock_guard lock(mutex_);
  const auto image = store_.Head();
  if (!image) return image.error();
  for (const store::Resource& resource : image->resources) {
    auto parsed = resource::ParseDocuments(resource.json, "");
    if (!parsed.ok() || parsed.documents.size() != 1) {
      Error error = parsed.ok() ? Error{ErrorKind::kInternal, "it is no single document", {}, {}}
                                : parsed.errors.front();
      error.where = "stored " + resource.key.ToString();
      return error;
    }
    entries_[resource.key] = {parsed.documents.front(), resource.owner, resource.revision};
  }
  const auto compiled = Compile(entries_, nullptr);
  if (!compiled) return compiled.error();
  Publish(*compiled);
  return LoadInstances();
}

void Control::Publish(const compile::Output& compiled) {
  const store::Version now = store_.version();
  publisher_.Release(compiled, {now.store_id, now.epoch, now.revision});
}

Result<compile::Output> Control::Compile(const Entries& entries, v1::ApplyResponse* response) const {
  compile::Inputs inputs;
  inputs.environment = settings_.environment;
  for (const auto& [key, entry] : entries) inputs.documents.push_back(entry.document);
  compile::Output output = compile::Compile(inputs);
  std::vector<Error> errors;
  for (const compile::Finding& finding : output.findings) {
    if (finding.error) errors.push_back(FromFinding(finding));
    if (response != nullptr) *response->add_findings() = ToProto(finding);
  }
  if (!errors.empty()) return Combined(errors);
  if (auto ok = CheckWire(output); !ok) return ok.error();
  return output;
}

template <class T>
Result<T> Control::Counted(Result<T> result) {
  if (!result) ++counts_.refused_writes;
  return result;
}

Result<v1::ApplyResponse> Control::Apply(const Principal& principal, const v1::ApplyRequest& request) {
  const std::lock_guard lock(mutex_);
  return Counted(ApplyLocked(principal, request, "api"));
}

Result<v1::ApplyResponse> Control::ApplyLocked(const Principal& principal, const v1::ApplyRequest& request,
                                               const std::string& owner) {
  resource::ParseOptions options;
  if (!request.namespace_().empty()) options.default_namespace = request.namespace_();
  const resource::Parsed parsed = resource::ParseDocuments(request.documents(), request.file(), options);
  if (!parsed.ok()) return Combined(parsed.errors);
  if (parsed.documents.empty())
    return Invalid("the body holds no document; send resources with apiVersion, kind and metadata.name");
  const bool conditional = !request.if_match().empty() || request.if_none_match();
  if (conditional && parsed.documents.size() != 1)
    return Invalid("If-Match and If-None-Match go with exactly one document");
  Draft draft{entries_, {}, {}};
  draft.write.text = request.documents();
  for (const resource::DocumentPtr& document : parsed.documents) {
    if (auto ok = AddChange(draft, document, owner); !ok) return ok.error();
  }
  if (conditional) {
    const store::Key key = KeyOfDocument(*parsed.documents.front());
    const auto current = entries_.find(key);
    auto revision = ParseEtag(request.if_match());
    if (!revision) return revision.error();
    const bool stale =
        !request.if_match().empty() && (current == entries_.end() || current->second.revision != *revision);
    if (stale || (request.if_none_match() && current != entries_.end())) {
      return Error{
          ErrorKind::kPreconditionFailed,
          key.ToString() +
              (current == entries_.end() ? " does not exist"
                                         : " is at etag " + std::to_string(current->second.revision)) +
              "; read it again and repeat the change",
          {},
          {}};
    }
  }
  return Finish(std::move(draft), principal, request.dry_run());
}

// When its key was first written decides between routes; a time that the document names is kept.
resource::DocumentPtr Control::WithItsCreation(const resource::DocumentPtr& document,
                                               const Entry* current) const {
  if (document->metadata.created != 0) return document;
  const auto now = [this] { return std::chrono::floor<std::chrono::seconds>(settings_.wall_clock()); };
  const std::int64_t created =
      current != nullptr ? current->document->metadata.created : now().time_since_epoch().count();
  return created == 0 ? document : resource::WithCreationTime(*document, created);
}

Status Control::AddChange(Draft& draft, const resource::DocumentPtr& submitted, const std::string& owner) {
  const store::Key key = KeyOfDocument(*submitted);
  const auto twice = [&key](const store::Change& change) { return change.key == key; };
  if (std::any_of(draft.write.changes.begin(), draft.write.changes.end(), twice)) {
    return Invalid(key.ToString() + " stands twice in these documents", "metadata.name",
                   submitted->Where("metadata.name"));
  }
  const auto current = entries_.find(key);
  const bool exists = current != entries_.end();
  if (exists && current->second.owner != owner) {
    return Error{ErrorKind::kConflict,
                 key.ToString() + " belongs to '" + current->second.owner + "'; change it there",
                 "metadata.name", submitted->Where("metadata.name")};
  }
  const resource::DocumentPtr document = WithItsCreation(submitted, exists ? &current->second : nullptr);
  v1::Applied& applied = *draft.response.add_applied();
  applied.mutable_resource()->set_kind(key.kind);
  applied.mutable_resource()->set_namespace_(key.ns);
  applied.mutable_resource()->set_name(key.name);
  applied.mutable_resource()->set_source(owner);
  const bool same = exists && current->second.document->json == document->json;
  applied.set_action(same ? "unchanged" : exists ? "configured" : "created");
  draft.entries[key] = {document, owner, same ? current->second.revision : 0};
  if (!same) draft.write.changes.push_back({key, document->json, owner, std::nullopt, false});
  return {};
}

Result<v1::ApplyResponse> Control::Finish(Draft draft, const Principal& principal, bool dry_run) {
  const auto compiled = Compile(draft.entries, &draft.response);
  if (!compiled) return compiled.error();
  draft.response.set_dry_run(dry_run);
  draft.response.set_revision(store_.version().revision);
  if (!dry_run && !draft.write.changes.empty()) {
    draft.write.principal = principal.name;
    draft.write.base = store_.version().revision;
    const auto revision = store_.Commit(draft.write);
    if (!revision) return revision.error();
    Accept(draft, *revision);
    Publish(*compiled);
    log::Info("configuration written",
              {{"revision", *revision}, {"by", principal.name}, {"resources", draft.write.changes.size()}});
  }
  for (v1::Applied& applied : *draft.response.mutable_applied()) {
    const v1::Resource& said = applied.resource();
    const auto entry = draft.entries.find({said.kind(), said.namespace_(), said.name()});
    if (entry == draft.entries.end() || entry->second.revision == 0) continue;
    applied.mutable_resource()->set_revision(entry->second.revision);
    applied.mutable_resource()->set_etag(std::to_string(entry->second.revision));
  }
  return std::move(draft.response);
}

void Control::Accept(Draft& draft, std::uint64_t revision) {
  for (const store::Change& change : draft.write.changes) {
    if (change.json) {
      draft.entries[change.key].revision = revision;
    } else if (change.key.kind == "MeshService") {
      Forget({"local", change.key.ns, change.key.name});
    }
  }
  entries_ = draft.entries;
  ++counts_.writes;
  draft.response.set_revision(revision);
}

Status Control::AddDelete(Draft& draft, const store::Key& key, const std::string& owner,
                          const std::string& if_match) {
  const auto current = entries_.find(key);
  if (current == entries_.end())
    return Error{ErrorKind::kNotFound, key.ToString() + " does not exist", {}, {}};
  if (current->second.owner != owner) {
    return Error{ErrorKind::kConflict,
                 key.ToString() + " belongs to '" + current->second.owner + "'; delete it there",
                 {},
                 {}};
  }
  store::Change change{key, std::nullopt, owner, std::nullopt, false};
  if (!if_match.empty()) {
    auto revision = ParseEtag(if_match);
    if (!revision) return revision.error();
    if (current->second.revision != *revision) {
      return Error{
          ErrorKind::kPreconditionFailed,
          key.ToString() + " is at etag " + std::to_string(current->second.revision) + "; read it again",
          {},
          {}};
    }
    change.if_revision = *revision;
  }
  draft.entries.erase(key);
  draft.write.changes.push_back(std::move(change));
  return {};
}

Result<v1::DeleteResourceResponse> Control::DeleteResource(const Principal& principal,
                                                           const v1::DeleteResourceRequest& request) {
  const std::lock_guard lock(mutex_);
  auto key = KeyOf(request.kind(), request.namespace_(), request.name());
  if (!key) return Counted(Result<v1::DeleteResourceResponse>(key.error()));
  Draft draft{entries_, {}, {}};
  if (auto ok = AddDelete(draft, *key, "api", request.if_match()); !ok)
    return Counted(Result<v1::DeleteResourceResponse>(ok.error()));
  auto done = Counted(Finish(std::move(draft), principal, request.dry_run()));
  if (!done) return done.error();
  v1::DeleteResourceResponse response;
  response.set_revision(done->revision());
  return response;
}

Result<v1::ApplyResponse> Control::Replace(const std::string& owner,
                                           std::vector<resource::DocumentPtr> documents) {
  const std::lock_guard lock(mutex_);
  Draft draft{entries_, {}, {}};
  for (const resource::DocumentPtr& document : documents) {
    if (auto ok = AddChange(draft, document, owner); !ok)
      return Counted(Result<v1::ApplyResponse>(ok.error()));
  }
  for (const auto& [key, entry] : entries_) {
    const auto kept = [&key = key](const resource::DocumentPtr& document) {
      return KeyOfDocument(*document) == key;
    };
    if (entry.owner != owner || std::any_of(documents.begin(), documents.end(), kept)) continue;
    if (auto ok = AddDelete(draft, key, owner, {}); !ok) return ok.error();
  }
  return Counted(Finish(std::move(draft), {owner, auth::Role::kEditor}, false));
}

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

Result<v1::ListRevisionsResponse> Control::ListRevisions(const Principal&,
                                                         const v1::ListRevisionsRequest& request) const {
  const std::uint32_t limit = request.limit() == 0 ? 50 : std::min(request.limit(), 1000U);
  const auto history = store_.History(request.before(), limit);
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
  for (const store::Resource& resource : image->resources) {
    v1::Resource& out = *response.add_resources();
    out.set_kind(resource.key.kind);
    out.set_namespace_(resource.key.ns);
    out.set_name(resource.key.name);
    out.set_json(resource.json);
    out.set_etag(std::to_string(resource.revision));
    out.set_revision(resource.revision);
    out.set_source(resource.owner);
  }
  return response;
}

Counts Control::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = counts_;
  counts.resources = entries_.size();
  for (const auto& [service, instances] : registered_) counts.instances += instances.size();
  counts.revision = store_.version().revision;
  return counts;
}

}  // namespace weft::api
