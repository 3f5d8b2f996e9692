#pragma once
// What the registry's lock guards. Private to this folder.

#include <algorithm>
#include <list>
#include <map>
#include <utility>

#include "common/metrics/registry.h"

namespace weft::metrics {

// Values in one text, each behind the zero byte that ends the one before: compares as the list of them does.
std::string Joined(Values values);
std::vector<std::string_view> Split(std::string_view joined);  // of none: one empty value

using Key = std::pair<FamilyId, std::string_view>;  // the text is the series'

struct Registry::Series {
  FamilyId family = 0;
  std::string values;               // joined
  std::size_t slot = 0, cells = 0;  // of the same place in every shard
  std::vector<std::uint64_t> base;  // subtracted from the sums: what earlier users of the cells counted
  std::vector<std::uint64_t> last;  // sums at the previous Expire
  TimePoint changed;
  std::uint64_t version = 0;  // of retired ones: to be acknowledged by every shard
  bool overflow = false;
  std::list<Series>::iterator self;
};

struct Registry::State {
  std::vector<Family> families;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<Source> sources;
  std::list<Series> series, retired;                     // retired: oldest version first
  std::map<Key, Series*> by_labels;                      // every live series
  std::map<std::size_t, std::vector<std::size_t>> free;  // by number of cells
  std::size_t chunks = 0;                                // that every shard has
  std::size_t next = 0;                                  // first cell never given out
  std::size_t overflow_series = 0;
  std::uint64_t overflow_count = 0;
  FamilyId overflows = 0, live = 0;
  TimePoint now;

  std::size_t CellsOf(FamilyId family) const {
    const Family& f = families[family];
    return f.kind == Kind::kHistogram ? f.bounds->upper.size() + 2 : 1;
  }
  std::size_t Allocate(std::size_t cells);
  void Free(std::size_t slot, std::size_t cells) { free[cells].push_back(slot); }
};

}  // namespace weft::metrics
