#include "controlplane/issues/tracker.h"

#include <algorithm>
#include <tuple>

namespace weft::issues {

void Tracker::Raise(Finding finding, TimePoint now) {
  const Key key{finding.code, finding.subject};
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    found->second.issue.finding = std::move(finding);
    found->second.issue.seen = now;
  } else if (entries_.size() >= kMaxIssues) {
    ++overflows_;
  } else {
    entries_[key] = {{std::move(finding), now, now}, false};
  }
}

std::vector<Change> Tracker::Settle(TimePoint now) {
  std::vector<Change> changes;
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto& [issue, open] = at->second;
    if (now - issue.seen > kQuiet) {
      if (open) changes.push_back({false, issue});
      at = entries_.erase(at);
      continue;
    }
    if (!open && issue.seen - issue.since >= issue.finding.patience) {
      open = true;
      ++opened_;
      changes.push_back({true, issue});
    }
    ++at;
  }
  return changes;
}

const Issue* Tracker::Open(Code code, const Subject& subject) const {
  const auto found = entries_.find({code, subject});
  return found != entries_.end() && found->second.open ? &found->second.issue : nullptr;
}

std::vector<Issue> Tracker::All() const {
  std::vector<Issue> all;
  for (const auto& [key, entry] : entries_) {
    if (entry.open) all.push_back(entry.issue);
  }
  const auto rank = [](const Issue& issue) {
    return std::make_tuple(!AboutOf(issue.finding.code).critical, issue.since);
  };
  std::stable_sort(all.begin(), all.end(), [&](const Issue& a, const Issue& b) { return rank(a) < rank(b); });
  return all;
}

}  // namespace weft::issues
