// Where a watch begins, and what each commit tells the watches.
#include "controlplane/api/control.h"
#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

constexpr std::size_t kMostReread = 1000;  // changes read from the store for a watch from an old revision

Error Relist(std::uint64_t from) {
  return {ErrorKind::kGone,
          "the changes since revision " + std::to_string(from) +
              " are kept no longer, or it is of another store; list again and watch from the list's revision",
          "from",
          {}};
}

}  // namespace

Result<std::unique_ptr<Watch>> Control::WatchResources(const Principal&, const v1::WatchRequest& request) {
  auto filter = MakeFilter(request);
  if (!filter) return filter.error();
  if (auto ok = changes_.CheckRoom(); !ok) return ok.error();
  const std::lock_guard lock(mutex_);
  auto begin = request.from() == 0 ? Result<Watch::Begin>(BeginWithAll()) : BeginAfter(request.from());
  if (!begin) return begin.error();
  return std::make_unique<Watch>(changes_, std::move(*filter), std::move(*begin), settings_.clock);
}

Watch::Begin Control::BeginWithAll() const {
  Watch::Begin begin{{}, changes_.end(), store_.version().revision};
  for (const auto& [key, entry] : entries_)
    begin.backlog.push_back({entry.revision, key, entry.owner, nullptr, entry.document});
  return begin;
}

Result<Watch::Begin> Control::BeginAfter(std::uint64_t from) const {
  const std::uint64_t head = store_.version().revision;
  if (from > head) return Relist(from);
  Watch::Begin begin{{}, changes_.end(), head};
  if (from < changes_since_) {  // before this process began: the store knows
    auto backlog = Reread(from);
    if (!backlog) return backlog.error();
    begin.backlog = std::move(*backlog);
    return begin;
  }
  begin.next = changes_.Find([from](const Change& change) { return change.revision > from; });
  begin.revision = from;
  // The feed has dropped some of them when what it kept first is not what came first after `from`.
  if (changes_.first() == begin.next && changes_.first() > 0) return Relist(from);
  return begin;
}

Result<std::vector<Change>> Control::Reread(std::uint64_t from) const {
  const auto image = store_.At(from);
  const auto events = store_.Since(from, kMostReread);
  if (!image) return image.error();
  if (!events) return events.error().kind == ErrorKind::kOverloaded ? Relist(from) : events.error();
  std::map<store::Key, resource::DocumentPtr> now;
  for (const store::Resource& resource : image->resources) {
    auto document = ParseStored(resource);
    if (!document) return document.error();
    now[resource.key] = std::move(*document);
  }
  std::vector<Change> changes;
  for (const store::Event& event : *events) {
    resource::DocumentPtr after;
    if (event.json) {
      auto document = ParseStored({event.key, *event.json, event.owner, event.revision});
      if (!document) return document.error();
      after = std::move(*document);
    }
    auto& before = now[event.key];
    changes.push_back({event.revision, event.key, event.owner, before, after});
    before = after;
  }
  return changes;
}

// Before entries_ take the draft's.
void Control::TellWatches(const Draft& draft, std::uint64_t revision) {
  std::vector<Change> changes;
  for (const store::Change& written : draft.write.changes) {
    const auto before = entries_.find(written.key);
    const std::optional<Entry>& after = draft.named.at(written.key);
    changes.push_back({revision, written.key, written.owner,
                       before == entries_.end() ? nullptr : before->second.document,
                       after ? after->document : nullptr});
  }
  changes_.Append(std::move(changes));
}

}  // namespace weft::api
