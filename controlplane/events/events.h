#pragma once
// What the control plane noticed and an operator may want to read: agents that come and go or refuse
// something, leases that lapse, writes. The newest kMostKept, in memory only: the lasting record of writes is
// the history. What repeats is one entry with a count, and becomes the newest again. Thread rule: any thread;
// Record takes one short lock and calls nobody.

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/time/time.h"

namespace weft::events {

inline constexpr std::size_t kMostKept = 1000;
inline constexpr std::size_t kMostMessage = 512;  // bytes; longer ones are cut

// What it is about: "MeshService" default/cart, "Agent" default/client, "Revision" 5 without namespace.
struct Object {
  std::string kind, ns, name;
  auto operator<=>(const Object&) const = default;
};

struct Event {
  std::uint64_t number = 0;  // grows with every occurrence
  bool warning = false;      // else normal
  std::string_view reason;   // a literal: "AgentConnected", …; docs/api.md lists them
  Object object;
  std::string message;      // one sentence
  std::uint64_t count = 1;  // occurrences
  WallTime first, last;
};

class Book {
 public:
  explicit Book(std::function<WallTime()> clock = ReadWallClock) : clock_(std::move(clock)) {}

  void Normal(std::string_view reason, Object object, std::string message) {
    Record(false, reason, std::move(object), std::move(message));
  }
  void Warning(std::string_view reason, Object object, std::string message) {
    Record(true, reason, std::move(object), std::move(message));
  }

  void Record(bool warning, std::string_view reason, Object object, std::string message);

  // Those with a greater number, oldest first.
  std::vector<Event> After(std::uint64_t number) const;
  std::uint64_t last() const;  // the greatest number given; zero: nothing happened

 private:
  using Key = std::tuple<bool, std::string_view, Object, std::string>;
  static Key KeyOf(const Event& event) { return {event.warning, event.reason, event.object, event.message}; }

  const std::function<WallTime()> clock_;
  mutable std::mutex mutex_;  // guards all below
  std::list<Event> kept_;     // oldest first
  std::map<Key, std::list<Event>::iterator> by_key_;
  std::uint64_t last_ = 0;
};

// For those who may have been given none.
inline void Note(Book* book, bool warning, std::string_view reason, Object object, std::string message) {
  if (book != nullptr) book->Record(warning, reason, std::move(object), std::move(message));
}

}  // namespace weft::events
