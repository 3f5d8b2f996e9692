#pragma once
// Findings over time: one opens an issue when it has held for its patience, and the issue closes when it was
// not found for kQuiet. At most kMaxIssues, further ones are counted. Pure: time comes in. Not thread safe.

#include <map>
#include <vector>

#include "controlplane/issues/issue.h"

namespace weft::issues {

inline constexpr std::size_t kMaxIssues = 1000;
inline constexpr Duration kQuiet = std::chrono::seconds(20);

struct Change {
  bool opened = false;  // else closed
  Issue issue;
};

class Tracker {
 public:
  using Key = std::pair<Code, Subject>;

  void Raise(Finding finding, TimePoint now);
  std::vector<Change> Settle(TimePoint now);                   // opens and closes
  const Issue* Open(Code code, const Subject& subject) const;  // null: there is none
  std::vector<Issue> All() const;                              // open ones, critical first, then the oldest
  std::uint64_t overflows() const { return overflows_; }
  std::uint64_t opened() const { return opened_; }

 private:
  struct Entry {
    Issue issue;
    bool open = false;
  };
  std::map<Key, Entry> entries_;
  std::uint64_t overflows_ = 0, opened_ = 0;
};

}  // namespace weft::issues
