#include "controlplane/api/watch.h"

#include "controlplane/api/describe.h"

namespace weft::api {
namespace {

constexpr std::size_t kAtOnce = 100;  // changes in one answer of Next

}  // namespace

Watch::Watch(ChangeFeed& feed, Filter filter, Begin begin, std::function<TimePoint()> clock)
    : feed_(feed),
      filter_(std::move(filter)),
      backlog_(std::move(begin.backlog)),
      next_(begin.next),
      revision_(begin.revision),
      clock_(std::move(clock)),
      last_(clock_()) {}

void Watch::Start(std::function<void()> wake) { seat_.emplace(feed_, std::move(wake)); }

Result<std::vector<v1::WatchEvent>> Watch::Next() {
  std::vector<v1::WatchEvent> out;
  while (told_ < backlog_.size() && out.size() < kAtOnce) Tell(backlog_[told_++], out);
  if (told_ < backlog_.size()) return out;
  if (!greeted_) {
    greeted_ = true;
    backlog_ = {};
    told_ = 0;
    out.push_back(Bookmark());
    last_ = clock_();
    return out;
  }
  const auto changes = feed_.Read(next_, kAtOnce);
  if (!changes) return changes.error();
  for (const Change& change : *changes) {
    revision_ = change.revision;
    Tell(change, out);
  }
  const TimePoint now = clock_();
  // A page may end within a revision: a bookmark waits until all of it was read.
  if (out.empty() && changes->empty() && now - last_ >= kBookmarkEvery) out.push_back(Bookmark());
  if (!out.empty()) last_ = now;
  if (out.empty() && !changes->empty()) return Next();  // none of them was taken: there may be more
  return out;
}

void Watch::Tell(const Change& change, std::vector<v1::WatchEvent>& out) const {
  const bool was = change.before && filter_.Takes(change.key, change.before->metadata.labels);
  const bool is = change.after && filter_.Takes(change.key, change.after->metadata.labels);
  if (!was && !is) return;
  v1::WatchEvent& event = out.emplace_back();
  event.set_type(!was ? v1::WatchEvent::ADDED : is ? v1::WatchEvent::MODIFIED : v1::WatchEvent::DELETED);
  event.set_revision(change.revision);
  *event.mutable_resource() = ResourceProto(change.key, (change.after ? change.after : change.before)->json,
                                            change.owner, change.revision);
}

v1::WatchEvent Watch::Bookmark() const {
  v1::WatchEvent event;
  event.set_type(v1::WatchEvent::BOOKMARK);
  event.set_revision(revision_);
  return event;
}

}  // namespace weft::api
