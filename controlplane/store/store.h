#pragma once
// Where the control plane keeps what it was told: documents with their history, the pointer to what agents
// are served, and registered instances. One interface, one conformance suite (conformance.h), several
// implementations.
//
// A write is one transaction and gives one revision; the call returns after the commit, so an answer that was
// given is on disk. Revisions count from 1 and have no gaps. A lost race is kConflict, a stale condition
// kPreconditionFailed, a full or damaged disk kUnavailable or kInternal with what to do about it; after an
// error nothing of the write is there. Thread rule: every function may be called from any thread.

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"

namespace weft::store {

inline constexpr const char* kDefaultCohort = "default";
inline constexpr const char* kCandidateCohort = "candidate";  // of the rollout that runs

struct Version {
  std::string store_id;        // made with the database; 32 hex digits
  std::uint64_t epoch = 0;     // counts the openings, from 1: an earlier opening can write no more
  std::uint64_t revision = 0;  // last accepted write; zero: empty
};

struct Key {
  std::string kind;  // "HTTPRoute"
  std::string ns;    // empty for kinds without namespace
  std::string name;
  friend bool operator==(const Key&, const Key&) = default;
  friend auto operator<=>(const Key&, const Key&) = default;
  std::string ToString() const;  // "HTTPRoute default/cart"
};

struct Resource {
  Key key;
  std::string json;            // canonical
  std::string owner;           // "api", "files", …: who may change it
  std::uint64_t revision = 0;  // of its last change; its ETag
};

struct Change {
  Key key;
  std::optional<std::string> json;  // none: delete
  std::string owner;
  std::optional<std::uint64_t> if_revision;  // must be the resource's current one
  bool if_absent = false;                    // must not exist
};

// A staged release of one revision and how far it came; whoever runs it knows what the JSON says.
struct Rollout {
  std::uint64_t revision = 0;
  std::string json;
  friend bool operator==(const Rollout&, const Rollout&) = default;
};

struct Write {
  std::vector<Change> changes;  // keys are unique
  std::string principal;
  std::string text;                   // the source text, as it came; may be empty
  std::optional<std::uint64_t> base;  // revision on which the write was validated; another head: kConflict
  std::optional<std::string> rollout = {};  // begins a rollout: only for the candidate cohort; its JSON
  std::optional<Rollout> ends = {};         // the rollout that this write takes back, as it is after it
};

struct Revision {
  std::uint64_t revision = 0;
  std::int64_t at_unix_ms = 0;
  std::string principal;
  std::vector<Key> changed;
};

struct Image {
  std::uint64_t revision = 0;
  std::vector<Resource> resources;  // sorted by key
};

struct Event {
  std::uint64_t revision = 0;
  Key key;
  std::optional<std::string> json;  // none: deleted
  std::string owner;
};

// A registered instance; its lease is not here (leases.h).
struct Registered {
  std::string service;  // "namespace/name"
  std::string id;
  std::string json;  // as the API gave it
  friend bool operator==(const Registered&, const Registered&) = default;
};

struct InstanceChange {
  std::string service, id;          // as in Registered
  std::optional<std::string> json;  // none: delete; it need not be there
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Version version() const = 0;

  // Writes and releases: to everybody, and no other cohort is left, unless the write begins a rollout.
  // Deleting what is not there is kNotFound. No change at all is kInvalid.
  virtual Result<std::uint64_t> Commit(const Write& write) = 0;

  virtual Result<Image> Head() const = 0;
  virtual Result<Image> At(std::uint64_t revision) const = 0;  // kNotFound: never was
  virtual Result<std::vector<Revision>> History(std::uint64_t before,
                                                std::size_t limit) const = 0;  // newest first; 0: head
  // Likewise, but only the revisions that changed this one; none when it never was.
  virtual Result<std::vector<Revision>> HistoryOf(const Key& key, std::uint64_t before,
                                                  std::size_t limit) const = 0;
  // What happened after `revision`, in order. kOverloaded: more than `limit` events; list again (Head).
  virtual Result<std::vector<Event>> Since(std::uint64_t revision, std::size_t limit) const = 0;

  virtual Result<std::uint64_t> Released(
      const std::string& cohort) const = 0;  // an unknown cohort: the default's
  virtual Status Release(const std::string& cohort,
                         std::uint64_t revision) = 0;  // kNotFound: no such revision

  virtual Result<std::vector<Rollout>> Rollouts(std::size_t limit) const = 0;  // newest first
  virtual Result<Rollout> RolloutOf(std::uint64_t revision) const = 0;  // kNotFound: none began with it
  // How far it came. `everybody`: its revision is released to all, and no other cohort is left. kNotFound: no
  // write began it.
  virtual Status PutRollout(const Rollout& rollout, bool everybody) = 0;

  virtual Result<std::vector<Registered>> Instances() const = 0;  // sorted by service and id
  virtual Status PutInstance(const Registered& instance) = 0;
  virtual Status DeleteInstance(const std::string& service,
                                const std::string& id) = 0;                        // kNotFound: was not there
  virtual Status ChangeInstances(const std::vector<InstanceChange>& changes) = 0;  // all or none
};

}  // namespace weft::store
