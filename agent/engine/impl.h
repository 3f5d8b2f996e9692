#pragma once
// The inside of an engine, shared by the files of this folder only.

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/breaker/predictor.h"
#include "agent/breaker/window.h"
#include "agent/decision/log.h"
#include "agent/engine/classify.h"
#include "agent/engine/engine.h"
#include "agent/health/instance.h"
#include "agent/retry/adaptive_timeout.h"
#include "agent/retry/budget.h"
#include "agent/retry/hedging.h"
#include "agent/route/table.h"
#include "agent/select/hash_table.h"
#include "agent/select/hot_cold.h"
#include "agent/select/levels.h"

namespace weft::engine {

// A service's routes in one generation: the table, and what its rules lead to.
struct ServiceRoutes {
  struct Rule {
    decision::NameId route = decision::kNoName, name = decision::kNoName, sources = decision::kNoName;
    std::shared_ptr<limit::Cap> cap;  // null: bulkheads.perRoute is not set
  };
  std::shared_ptr<limit::Cap> cap;  // likewise, of requests that no rule took
  std::shared_ptr<const route::Table> table;
  std::unordered_map<const policy::RouteRule*, Rule> rules;
  std::unordered_map<const policy::BackendRef*, Backend*> backends;  // null: not in the snapshot
};

// Null: the service has no such port.
const policy::ServicePort* FindPort(const policy::ServiceBundle& bundle, std::uint16_t port);

// What a request's destination resolves to.
struct Resolved {
  Reason reason = Reason::kUnknownService;  // kOk: found
  const snapshot::Service* service = nullptr;
  std::uint16_t port = 0;
  Backend* backend = nullptr;
  const ServiceRoutes* routes = nullptr;
};

// What this worker saw of an instance.
struct Target::Health {
  stats::Ring<health::Badness, 10> recent{std::chrono::seconds(1)};
  health::Evidence since_tick;
  bool told = true;       // nothing new since the last tick
  std::uint32_t run = 0;  // failures in a row
  TimePoint run_began;
  std::uint32_t confirming = 0;  // requests under way that were sent to confirm a suspicion
  TimePoint confirmed;           // when the last one was sent
  bool suspect = false;          // listed in State::suspects
  bool failed_trial = false;     // and keeps its permit until all know of it
  TimePoint refused_until;       // passed over until then: it has just refused a connection
  InstanceState seen =
      InstanceState::kHealthy;  // of the view; Target::state has the registry's word in it too
};

inline Target::Health& HealthOf(Target& target) {
  if (!target.health) [[unlikely]]
    target.health = std::make_unique<Target::Health>();
  return *target.health;
}
inline bool Refuses(const Target& target, TimePoint now) {
  return target.health && target.health->refused_until > now;
}
inline health::Badness RecentBadness(const Target& target, TimePoint now) {
  return target.health ? target.health->recent.Total(now) : health::Badness{};
}

struct Backend::State {
  explicit State(std::uint32_t workers) : budget(workers) {}

  void MarkGone(bool gone, TimePoint now) {
    if (!gone || gone_since == TimePoint()) gone_since = gone ? now : TimePoint();
  }

  // When the snapshot lost it (inbound: when its application was forgotten); zero: it is there.
  TimePoint gone_since;
  bool forget = false;  // at this tick

  select::Set set;                // of `pickable`, same order
  std::vector<Target*> pickable;  // with preferZone: own zone first
  select::HashTable table;        // of all in use; empty unless a hash policy is set
  select::HotCold hot_cold;
  std::array<select::Set, select::kLevels> levels;  // parts of `set`
  std::array<std::uint32_t, select::kLevels> shares{};
  bool plain = true;                 // neither table, levels nor hot and cold
  bool by_level = false;             // some requests stay in a part
  TimePoint warm_until;              // slow start of some instance, when only some are in it
  limit::RateLimitsPtr rate_limits;  // inbound; null: none
  policy::Concurrency concurrency;   // inbound
  std::uint32_t per_caller = 0;      // inbound; zero: no limit
  bool guarded = false;              // inbound: one of the three is set
  bool capped = false;               // maxRequests or, of any service, perRoute is set
  std::vector<Target*> probing;      // on probation; trial requests only
  std::vector<Target*> suspects;     // last attempt failed, not ejected; capacity for all targets
  bool panic = false;
  std::size_t refusing = 0;      // targets that are passed over
  TimePoint looked_at_refusals;  // when they were
  bool all_pickable = true;
  std::size_t next_probe = 0;

  breaker::Window window;
  breaker::Points since_tick;
  std::uint32_t since_generation = 0;
  retry::Budget budget;
  retry::AdaptiveTimeout timeout;           // while timeouts.adaptive is on
  std::unique_ptr<retry::Hedging> hedging;  // null: hedging is off
  breaker::Predictor predictor;             // while circuitBreaker.predict is on
  std::unique_ptr<breaker::Pupil> pupil;    // likewise, once there is enough traffic
  breaker::Pulse pulse;                     // of this second
  TimePoint looked;                         // when the predictor did
  double shed = 0;                          // share of requests refused for what is foreseen
  std::vector<double> scratch;              // of Concentrated; capacity for all targets

  Duration latency = Duration::zero();  // inbound: average, 1/8 per sample
  decision::NameId name = decision::kNoName, service_name = decision::kNoName, sources = decision::kNoName;
};

struct Engine::Impl {
  Impl(Settings s, Shared& sh, decision::Recorder* r);

  // resolve.cc
  Resolved Resolve(const Origin& origin, std::string_view authority);
  Resolved ResolveAuthority(std::string_view authority);
  Resolved ResolveKey(const BackendKey& key);
  Resolved ResolveAddress(const net::Address& address);
  Resolved FindByName(std::string_view host, std::uint16_t port, bool port_written);
  Resolved External(std::string_view host, std::uint16_t port);
  Resolved PortOf(const ServiceKey& key, std::uint16_t port, bool port_written);

  // install.cc
  void Install(snapshot::SnapshotPtr snapshot, TimePoint now);
  void Install(ViewPtr view, TimePoint now);
  Backend* BackendFor(const BackendKey& key);  // null: not in the current snapshot
  const ServiceRoutes* RoutesOf(const snapshot::Service& service);
  Backend* InboundBackendOf(const Origin& origin);
  policy::Mtls InboundMtls(const ServiceKey& service) const;
  Backend* InboundBackendFor(const BackendKey& key);
  Backend* AddBackend(const BackendKey& key, bool inbound);
  bool Update(Backend& backend);  // false: not in the current snapshot
  void TakeOver(Backend& backend, const snapshot::Service& service, const policy::ServicePort& port);
  void UpdateInbound(Backend& backend);
  std::uint32_t InstancesOf(const ServiceKey& service) const;
  void SetQuota(const BackendKey& inbound, std::string_view limit, double per_second, double room,
                TimePoint now);
  bool ApplyView(Backend& backend);  // whether it changed the state of an instance
  void Rebuild(Backend& backend);
  void PassOverRefusing(Backend& backend);
  void RebuildSelection(Backend& backend, const std::vector<Target*>& usable);
  void KeepSubset(std::vector<Target*>& usable, std::uint32_t most) const;
  Target* ApplicationTarget(Backend& backend, const net::Address& address);
  void FreeRemoved(Backend& backend);
  void ReleaseGenerations();

  // forget.cc
  void ForgetUnused(TimePoint now);
  void ForgetApplications(Backend& backend, TimePoint now);

  // request.cc
  Verdict Start(Call& call, const Origin& origin, const message::RequestHead& head, TimePoint now);
  Verdict Route(Call& call, const message::RequestHead& head, TimePoint now);
  route::Decision Decide(const Origin& origin, const Resolved& resolved, const message::RequestHead& head,
                         std::uint64_t number) const;
  Verdict Admit(Call& call, TimePoint now);
  Verdict Limit(Call& call, const message::RequestHead& head, TimePoint now);
  void Finish(Call& call, Reason reason, std::uint16_t status, TimePoint now);
  void NoteAdmission(Call& call, const breaker::Admission& admission, TimePoint now);
  Reason TakeCaps(Call& call);
  bool TakeCaller(Call& call);
  void ReturnAll(Call& call, Reason reason, std::uint16_t status, TimePoint now);
  Verdict TakePlace(Call& call, const message::RequestHead& head);
  void LeavePlace(Call& call, Reason reason, std::uint16_t status, TimePoint now);
  void FeedBreaker(Call& call, Reason reason, TimePoint now);
  bool Concentrated(Backend& backend, TimePoint now);
  void WriteRecord(const Call& call, Reason reason, std::uint16_t status, TimePoint now);

  // attempt.cc
  bool Retriable(const Call& call, std::uint16_t status, int grpc) const;
  Target* Pick(Call& call, TimePoint now, Reason& why);
  Target* PickTrial(Call& call, TimePoint now);
  Target* PickSuspect(Call& call, TimePoint now);
  Target* PickBest(Call& call, TimePoint now);
  std::size_t Choose(Call& call, select::Excluded tried, Rng& rng, TimePoint now,
                     select::Considered& considered);
  std::size_t ChooseInLevel(Call& call, select::Excluded tried, Rng& rng, TimePoint now,
                            select::Considered& considered);
  RetryVerdict Ended(Call& call, const AttemptResult& result, TimePoint now);
  void AdaptTimeout(Call& call);
  void LearnTimeout(Call& call, const AttemptResult& result, Duration took, TimePoint now);
  void LearnFrom(Call& call, AttemptRecord& attempt, bool stale, TimePoint now);
  void EndTrial(Target& target, bool failed);
  void NoteRefused(Backend& backend, Target& target, TimePoint now);
  void TakeBackRefusing(Backend& backend, TimePoint now);
  void Consider(Call& call, const Target& target, decision::Standing standing, double score);

  // hedge.cc
  void ArmHedge(Call& call, TimePoint now);
  Target* Hedge(Call& call, TimePoint now);
  void HedgeEnded(Call& call, const AttemptResult& result, TimePoint now);
  void Promote(Call& call);
  void LearnHedging(Call& call, const AttemptRecord& attempt, Duration took, TimePoint now);
  void LearnOutrun(const AttemptRecord& attempt, Duration took, TimePoint now);

  // foresight.cc
  Duration AttemptLimit(const policy::ServicePolicy& policy) const;
  void LookAhead(Backend& backend, TimePoint now);
  void LetLearn(Backend& backend, TimePoint now);
  bool IsWell(Backend& backend, TimePoint now);

  // tick.cc
  WorkerDelta Tick(TimePoint now);
  void Checked(Target& target, bool passed, Duration took);

  Settings settings;
  Shared& shared;
  decision::Recorder* recorder;
  decision::Log log;
  ViewPtr view;
  Generation* current = nullptr;
  std::vector<std::unique_ptr<Generation>> generations;
  std::vector<std::unique_ptr<Backend>> backends;
  std::unordered_map<BackendKey, Backend*> by_key, inbound_by_key;
  // By bundle; kept while a generation uses them.
  std::unordered_map<const policy::ServiceBundle*, std::weak_ptr<const route::Table>> tables;
  std::vector<std::pair<BackendKey, Direction>> forgotten;  // until taken
  std::uint64_t calls = 0, snapshots = 0;
  TimePoint installed;       // the latest snapshot or view
  TimePoint ticked;          // the latest tick
  bool caps_routes = false;  // bulkheads.perRoute of some service is set whose routes were asked for
  breaker::Learner learner;  // of all services of this worker
  std::size_t shedding = 0;  // backends with `shed` above zero, as of this tick
  std::unordered_map<std::string, std::unique_ptr<Caller>> callers;  // by identity

  // Destinations seen lately; cleared by a new snapshot, so that it never answers with an old one.
  struct Cached {
    std::string authority;
    Resolved resolved;
  };
  // The same for per-service ports, found by the address of their key.
  struct CachedKey {
    BackendKey key;
    Resolved resolved;
  };
  std::array<CachedKey, 16> key_cache;
  static constexpr std::size_t kCacheSize = 256;
  std::array<Cached, kCacheSize> cache;
};

}  // namespace weft::engine
