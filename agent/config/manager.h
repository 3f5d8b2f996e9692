#pragma once
// An agent's configuration: starts from the cache, feeds deltas of the link to the builder, hands snapshots
// to the workers, subscribes on first use and remembers to what. A state machine: sockets are in the link,
// time in Cold. Thread rule: the cold thread, except Need() and NeedAddress(), which
// any thread may call.

#include <map>
#include <memory>
#include <set>
#include <string_view>

#include "agent/cold/cold.h"
#include "agent/config/cache.h"
#include "agent/config/link.h"

namespace weft::config {

inline constexpr Duration kHold = std::chrono::milliseconds(200);  // of a first request
inline constexpr Duration kNegative = std::chrono::seconds(5);     // life of "there is no such service"

struct ManagerOptions {
  std::vector<ServiceKey> initial;                  // subscribed to from the start: own service, local ports
  std::string cache_path;                           // empty: no cache
  Duration cache_max_age = std::chrono::hours(24);  // zero: any age
  std::size_t max_subscriptions = kMaxRemembered;   // further services are answered as unknown
  std::size_t max_waiting = 4096;  // requests held at once; further ones are answered at once
};

struct ManagerHooks {
  std::function<void(snapshot::SnapshotPtr)> install;  // posts it to every worker
  std::function<void(Duration deadline)> drain;        // zero: the agent's own setting
  std::function<void(bool problem, const std::string& text)> log;
};

// For /config, metrics and readiness.
struct ManagerStatus {
  LinkState link = LinkState::kConnecting;
  std::string link_problem;                    // why the link is not connected; empty while it is
  std::string source;                          // "none", "cache", "link"
  std::optional<snapshot::Version> target;     // last accepted; none before the first
  std::optional<snapshot::Version> effective;  // last that left no refusal
  Duration age = Duration::zero();             // since what is held was last known to be current
  std::uint64_t applied = 0, rejected_bundles = 0, rejected_deltas = 0;  // since the start
  std::uint64_t overflows = 0;  // subscriptions and holds refused at their bounds
  std::uint64_t cache_failures = 0;
  bool awaiting = false;     // a new store waits for confirmation
  std::string last_refusal;  // text; empty: none
  std::size_t subscriptions = 0, waiting = 0;
};

class Manager {
 public:
  // `cold` outlives the manager and runs nothing of it after Stop().
  Manager(cold::Cold& cold, ManagerOptions options, ManagerHooks hooks, std::unique_ptr<Link> link);
  ~Manager();

  // Installs the cached snapshot before anything else, then starts the link.
  void Start();
  void Stop();  // writes the cache if it is behind

  // A worker met a service that its snapshot lacks. `done(true)` is called on the cold thread after a
  // snapshot with it was installed; `done(false)` when there is none, or not within kHold.
  void Need(const ServiceKey& key, std::function<void(bool found)> done);
  // The same for a connection to an address that no service of the snapshot has. First it is asked whose it
  // is, which may take another kHold.
  void NeedAddress(const net::Address& address, std::function<void(bool found)> done);

  ManagerStatus status() const;
  std::vector<HeldVersion> held() const;
  const std::map<ServiceKey, snapshot::Refusal>& refusals() const { return builder_.refusals(); }
  const snapshot::SnapshotPtr& snapshot() const { return builder_.snapshot(); }

 private:
  struct Waiter {
    std::uint64_t id = 0;
    std::function<void(bool)> done;
  };

  void LoadCache();
  void OnDelta(const snapshot::Delta& delta);
  void OnMalformed(std::uint64_t sequence, const Error& error);
  void OnState(LinkState state, const std::string& why);
  void OnCommand(const Command& command);
  void Conclude(const snapshot::Delta& delta, const snapshot::Outcome& outcome);
  void Report(const snapshot::Outcome& outcome);
  Acknowledgement MakeAck(const snapshot::Delta& delta, const snapshot::Outcome& outcome) const;
  void Admit(const ServiceKey& key, std::function<void(bool)> done);
  void AdmitAddress(const net::Address& address, std::function<void(bool)> done);
  void OnFound(const net::Address& address, const std::optional<ServiceKey>& service);
  void Answer(const ServiceKey& key, bool found);
  template <class Key, class Late>
  void Hold(std::map<Key, std::vector<Waiter>>& waiting, const Key& key, std::function<void(bool)> done,
            Late late);
  void AnswerHeld();
  void Deny(const ServiceKey& key);
  void Forget(const ServiceKey& key);
  bool Holds(const ServiceKey& key) const;
  Holding MakeHolding() const;
  HeldVersion VersionOf(const ServiceKey& key) const;
  void CacheSoon();
  void SaveCache();
  void RefreshCacheLater();
  std::function<void()> Guarded(std::function<void()> work);

  cold::Cold& cold_;
  const ManagerOptions options_;
  const ManagerHooks hooks_;
  std::unique_ptr<Link> link_;
  snapshot::Builder builder_;
  std::set<ServiceKey> subscribed_;
  std::map<ServiceKey, TimePoint> unknown_;  // negative answers, until when
  std::map<ServiceKey, std::vector<Waiter>> waiting_;
  std::map<net::Address, std::vector<Waiter>> finding_;  // it is not known yet whose they are
  std::size_t waiters_ = 0;
  std::uint64_t next_waiter_ = 0;
  ManagerStatus status_;
  TimePoint current_at_;  // when what is held was last current
  bool cache_due_ = false;
  std::shared_ptr<bool> alive_;
};

}  // namespace weft::config
