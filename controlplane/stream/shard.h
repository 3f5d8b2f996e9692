#pragma once
// A share of the streams, those whose node's name hashes to it: by ticket, by node, and by the services they
// use. Thread rule: its mutex guards all of it; the hub holds it.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/stream/counters.h"
#include "controlplane/stream/fan_out.h"
#include "controlplane/stream/reopens.h"
#include "controlplane/stream/session.h"

namespace weft::stream {

struct Stream {
  Session session;
  std::shared_ptr<Outlet> outlet;
  bool closing = false;  // it stalled and was told to end, at closed_at
  TimePoint closed_at;
  bool Watched() const { return closing || session.AwaitsAck(); }
};

struct Shard {
  mutable std::mutex mutex;
  std::unordered_map<std::uint64_t, Stream> streams;
  std::unordered_map<std::string, std::uint64_t> by_node;
  std::unordered_map<ServiceKey, std::vector<std::uint64_t>> users;  // tickets of sessions that use it
  Reopens reopens;
  // So that nobody is looked at while there is nothing to see.
  std::size_t watched = 0;                   // streams that may stall or have to be cut off
  std::int64_t first_expiry_ms = INT64_MAX;  // no certificate ends before it
  Metrics metrics;

  // Null: there is none.
  Stream* Find(std::uint64_t ticket);
  Stream* FindNode(const std::string& node);
  // The ticket becomes a user of services, or ceases to be.
  void Index(std::uint64_t ticket, const Session::Moves& moves);
  void NoteExpiry(const Session& session);  // its certificate may end first
  void Erase(std::uint64_t ticket);         // of a stream that is there; `by_node` is left
  void AddUsersOf(const std::vector<ServiceKey>& services, Outlets& out) const;  // each once
};

}  // namespace weft::stream
