// What changes documents: apply, delete, and the files that own theirs. One draft, one
// compilation of what it touches, one commit.
#include "common/log/log.h"
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"
#include "controlplane/api/text.h"

namespace weft::api {
namespace {

void AddApplied(v1::ApplyResponse& response, const store::Key& key, const std::string& owner,
                const char* action) {
  v1::Applied& applied = *response.add_applied();
  applied.mutable_resource()->set_kind(key.kind);
  applied.mutable_resource()->set_namespace_(key.ns);
  applied.mutable_resource()->set_name(key.name);
  applied.mutable_resource()->set_source(owner);
  applied.set_action(action);
}

}  // namespace

Result<v1::ApplyResponse> Control::Apply(const Principal& principal, const v1::ApplyRequest& request) {
  const std::lock_guard lock(mutex_);
  return Counted(ApplyLocked(principal, request, kApiOwner));
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
  Draft draft;
  draft.write.text = request.documents();
  if (request.has_rollout()) draft.rollout = request.rollout();
  for (const resource::DocumentPtr& document : parsed.documents) {
    if (auto ok = AddChange(draft, document, owner); !ok) return ok.error();
  }
  if (conditional) {
    const store::Key key = KeyOfDocument(*parsed.documents.front());
    const Conditions conditions{request.if_match(), request.if_none_match()};
    if (auto ok = Check(conditions, EtagOf(key), key.ToString()); !ok) return ok.error();
  }
  return Finish(std::move(draft), principal, request.dry_run());
}

std::optional<std::string> Control::EtagOf(const store::Key& key) const {
  const auto current = entries_.find(key);
  if (current == entries_.end()) return std::nullopt;
  return std::to_string(current->second.revision);
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

Status Control::AddChange(Draft& draft, const resource::DocumentPtr& submitted,
                          const std::string& owner) const {
  const store::Key key = KeyOfDocument(*submitted);
  if (draft.named.contains(key)) {
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
  const bool same = exists && current->second.document->json == document->json;
  AddApplied(draft.response, key, owner, same ? "unchanged" : exists ? "configured" : "created");
  draft.named[key] = same ? current->second : Entry{document, owner, 0};
  if (!same) draft.write.changes.push_back({key, document->json, owner, std::nullopt, false});
  return {};
}

Result<v1::ApplyResponse> Control::Finish(Draft draft, const Principal& principal, bool dry_run) {
  const compile::Edits edits = EditsOf(draft);
  const auto compiled = Compile(edits, &draft.response);
  if (!compiled) return compiled.error();
  Status done = CheckRollout(draft, *compiled, principal);
  draft.response.set_dry_run(dry_run);
  draft.response.set_revision(store_.version().revision);
  const bool writes = !dry_run && !draft.write.changes.empty();
  if (done && writes) done = Write(draft, principal, *compiled);
  if (!done || !writes) compiler_.Change(compile::Reversed(edits));
  if (!done) return done.error();
  for (v1::Applied& applied : *draft.response.mutable_applied()) {
    const v1::Resource& said = applied.resource();
    const auto entry = draft.named.find({said.kind(), said.namespace_(), said.name()});
    if (entry == draft.named.end() || !entry->second || entry->second->revision == 0) continue;
    applied.mutable_resource()->set_revision(entry->second->revision);
    applied.mutable_resource()->set_etag(std::to_string(entry->second->revision));
  }
  return std::move(draft.response);
}

Status Control::Write(Draft& draft, const Principal& principal, const compile::Output& compiled) {
  draft.write.principal = principal.name;
  draft.write.base = store_.version().revision;
  const auto revision = store_.Commit(draft.write);
  if (!revision) return revision.error();
  Accept(draft, *revision);
  if (draft.machine) {
    BeginRollout(std::move(*draft.machine), compiled);
  } else {
    publisher_.Release(compiled, VersionOf(*revision));
  }
  log::Info("configuration written",
            {{"revision", *revision}, {"by", principal.name}, {"resources", draft.write.changes.size()}});
  events::Note(settings_.events, false, "ConfigurationWritten", {"Revision", "", std::to_string(*revision)},
               std::to_string(draft.write.changes.size()) + " resource(s) changed by " + principal.name);
  return {};
}

void Control::Accept(Draft& draft, std::uint64_t revision) {
  for (const store::Change& change : draft.write.changes) {
    if (change.json) {
      draft.named[change.key]->revision = revision;
    } else if (change.key.kind == "MeshService") {
      Forget({"local", change.key.ns, change.key.name});
    }
  }
  TellWatches(draft, revision);
  for (const auto& [key, entry] : draft.named) {
    if (entry) {
      entries_[key] = *entry;
    } else {
      entries_.erase(key);
    }
  }
  ++counts_.writes;
  draft.response.set_revision(revision);
}

Status Control::AddDelete(Draft& draft, const store::Key& key, const std::string& owner,
                          const std::string& if_match) const {
  const auto current = entries_.find(key);
  if (current == entries_.end())
    return Error{ErrorKind::kNotFound, key.ToString() + " does not exist", {}, {}};
  if (current->second.owner != owner) {
    return Error{ErrorKind::kConflict,
                 key.ToString() + " belongs to '" + current->second.owner + "'; delete it there",
                 {},
                 {}};
  }
  if (auto ok = Check({if_match, false}, EtagOf(key), key.ToString()); !ok) return ok;
  draft.named[key] = std::nullopt;
  draft.write.changes.push_back({key, std::nullopt, owner, std::nullopt, false});
  AddApplied(draft.response, key, owner, "deleted");
  return {};
}

Result<v1::DeleteResourceResponse> Control::DeleteResource(const Principal& principal,
                                                           const v1::DeleteResourceRequest& request) {
  const std::lock_guard lock(mutex_);
  auto key = KeyOf(request.kind(), request.namespace_(), request.name());
  if (!key) return Counted(Result<v1::DeleteResourceResponse>(key.error()));
  Draft draft;
  if (auto ok = AddDelete(draft, *key, kApiOwner, request.if_match()); !ok)
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
  Draft draft;
  for (const resource::DocumentPtr& document : documents) {
    if (auto ok = AddChange(draft, document, owner); !ok)
      return Counted(Result<v1::ApplyResponse>(ok.error()));
  }
  for (const auto& [key, entry] : entries_) {
    if (entry.owner != owner || draft.named.contains(key)) continue;
    if (auto ok = AddDelete(draft, key, owner, {}); !ok) return ok.error();
  }
  return Counted(Finish(std::move(draft), {owner, auth::Role::kEditor}, false));
}

Result<v1::ApplyResponse> Control::ChangeOwned(const std::string& owner,
                                               const std::vector<resource::DocumentPtr>& documents,
                                               const std::set<store::Key>& removed) {
  const std::lock_guard lock(mutex_);
  Draft draft;
  for (const resource::DocumentPtr& document : documents) {
    if (auto ok = AddChange(draft, document, owner); !ok)
      return Counted(Result<v1::ApplyResponse>(ok.error()));
  }
  for (const store::Key& key : removed) {
    if (auto ok = AddDelete(draft, key, owner, {}); !ok)
      return Counted(Result<v1::ApplyResponse>(ok.error()));
  }
  return Counted(Finish(std::move(draft), {owner, auth::Role::kEditor}, false));
}

Status Control::CheckOwned(const std::string& owner, const resource::DocumentPtr& document) {
  const std::lock_guard lock(mutex_);
  Draft draft;
  if (auto ok = AddChange(draft, document, owner); !ok) return ok;
  const auto done = Finish(std::move(draft), {owner, auth::Role::kEditor}, true);
  return done ? Status() : Status(done.error());
}

}  // namespace weft::api
