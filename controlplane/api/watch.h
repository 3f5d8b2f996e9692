#pragma once
// Watching documents: what is there or what changed since a revision, then each change as it is committed,
// those that a filter takes. A document that a change moves into the filter is ADDED, one that it moves out
// DELETED. Bookmarks tell the revision up to which nothing was missed: after the first list, and when 30 s
// brought nothing. Thread rule: a watch belongs to one reader at a time; its feed to all.

#include <optional>

#include "common/resource/document.h"
#include "common/time/time.h"
#include "controlplane/api/feed.h"
#include "controlplane/api/filter.h"
#include "weft/v1/config.pb.h"

namespace weft::api {

struct Change {
  std::uint64_t revision = 0;
  store::Key key;
  std::string owner;
  resource::DocumentPtr before, after;  // null: was not there, is not there any more
};
using ChangeFeed = Feed<Change>;

inline constexpr std::size_t kChangesKept = 10'000;
inline constexpr Duration kBookmarkEvery = std::chrono::seconds(30);

class Watch final : public Source<v1::WatchEvent> {
 public:
  struct Begin {
    std::vector<Change> backlog;  // told first: a list, or what the feed keeps no longer
    std::uint64_t next = 0;       // number in the feed of the first change after it
    std::uint64_t revision = 0;   // up to which the backlog goes
  };
  Watch(ChangeFeed& feed, Filter filter, Begin begin, std::function<TimePoint()> clock);

  void Start(std::function<void()> wake) override;
  Result<std::vector<v1::WatchEvent>> Next() override;

 private:
  void Tell(const Change& change, std::vector<v1::WatchEvent>& out) const;
  v1::WatchEvent Bookmark() const;

  ChangeFeed& feed_;
  const Filter filter_;
  std::vector<Change> backlog_;
  std::size_t told_ = 0;  // of the backlog
  bool greeted_ = false;  // the bookmark after the backlog was given
  std::uint64_t next_ = 0, revision_ = 0;
  const std::function<TimePoint()> clock_;
  TimePoint last_;  // when something was told
  std::optional<ChangeFeed::Seat> seat_;
};

}  // namespace weft::api
