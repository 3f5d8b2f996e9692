#include "controlplane/api/control.h"

#include "common/wire/wire.h"
#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

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

}  // namespace

Control::Control(store::Store& store, Publisher& publisher, Settings settings)
    : store_(store),
      publisher_(publisher),
      settings_(std::move(settings)),
      compiler_(settings_.environment) {}

Status Control::Load() {
  const std::lock_guard lock(mutex_);
  const auto image = store_.Head();
  if (!image) return image.error();
  auto entries = Parse(*image);
  if (!entries) return entries.error();
  entries_ = std::move(*entries);
  changes_since_ = store_.version().revision;
  if (auto ok = LoadReleases(); !ok) return ok;
  return LoadInstances();
}

Result<Control::Entries> Control::Parse(const store::Image& image) const {
  Entries entries;
  for (const store::Resource& resource : image.resources) {
    auto document = ParseStored(resource);
    if (!document) return document.error();
    entries[resource.key] = {std::move(*document), resource.owner, resource.revision};
  }
  return entries;
}

Status Control::LoadReleases() {
  const auto kept = store_.Rollouts(1);
  if (!kept) return kept.error();
  if (!kept->empty() && IsRunning(kept->front())) return ResumeRollout(kept->front());
  const auto compiled = Compile(EditsBetween({}, entries_), nullptr);
  if (!compiled) return compiled.error();
  publisher_.Release(*compiled, VersionOf(store_.version().revision));
  return {};
}

snapshot::Version Control::VersionOf(std::uint64_t revision) const {
  const store::Version now = store_.version();
  return {now.store_id, now.epoch, revision};
}

compile::Edits Control::EditsOf(const Draft& draft) const {
  compile::Edits edits;
  for (const auto& [key, entry] : draft.named) {
    const auto current = entries_.find(key);
    compile::Edit edit{current == entries_.end() ? nullptr : current->second.document,
                       entry ? entry->document : nullptr};
    if (edit.before != edit.after) edits.push_back(std::move(edit));
  }
  return edits;
}

compile::Edits Control::EditsBetween(const Entries& before, const Entries& after) {
  compile::Edits edits;
  for (const auto& [key, entry] : before) {
    const auto now = after.find(key);
    edits.push_back({entry.document, now == after.end() ? nullptr : now->second.document});
  }
  for (const auto& [key, entry] : after) {
    if (!before.contains(key)) edits.push_back({nullptr, entry.document});
  }
  return edits;
}

Result<compile::Output> Control::Compile(const compile::Edits& edits, v1::ApplyResponse* response) {
  compile::Output output = compiler_.Change(edits);
  std::vector<Error> errors;
  for (const compile::Finding& finding : output.findings) {
    if (finding.error) errors.push_back(FromFinding(finding));
    if (response != nullptr) *response->add_findings() = ToProto(finding);
  }
  const Status wire = CheckWire(output);
  if (errors.empty() && wire) return output;
  compiler_.Change(compile::Reversed(edits));
  return errors.empty() ? wire.error() : Combined(errors);
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
