#pragma once
// The control plane's state and what may be done to it, the same for REST, gRPC and files: documents
// (validated as a whole set before a write), registered instances with their leases. Every change is
// committed before it is published and answered. Thread rule: any thread; one lock, held over a write's
// commit.

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "common/compile/compiler.h"
#include "common/time/time.h"
#include "controlplane/api/backends.h"
#include "controlplane/api/watch.h"
#include "controlplane/auth/auth.h"
#include "controlplane/events/events.h"
#include "controlplane/sources/board.h"
#include "controlplane/store/leases.h"
#include "controlplane/store/store.h"
#include "weft/v1/config.pb.h"
#include "weft/v1/registry.pb.h"

namespace weft::api {

using auth::Principal;

inline constexpr const char* kApiOwner = "api";  // of documents that people and programs write

struct Counts {                      // for weft_control_* metrics
  std::uint64_t writes = 0;          // accepted transactions
  std::uint64_t refused_writes = 0;  // invalid, stale, lost races, failures of the store
  std::uint64_t lapsed = 0;          // leases
  std::uint64_t resources = 0, instances = 0, revision = 0;
};

class Control {
 public:
  struct Settings {
    policy::PolicySpec environment;  // mesh defaults of the seeds' variables
    std::function<TimePoint()> clock = ReadMonotonicClock;
    std::function<WallTime()> wall_clock = ReadWallClock;  // of creationTimestamp
    events::Book* events = nullptr;           // hears of writes, leases and rollouts; null: nobody
    Fleet* fleet = nullptr;                   // null: rollouts are refused
    const sources::Board* sources = nullptr;  // what conditions and ages are read from; null: there are none
  };
  Control(store::Store& store, Publisher& publisher, Settings settings);

  // Reads the store, publishes what it holds, grants fresh leases. Once, before anything else.
  Status Load();

  Result<v1::ApplyResponse> Apply(const Principal& principal, const v1::ApplyRequest& request);
  Result<v1::Resource> GetResource(const Principal& principal, const v1::GetResourceRequest& request) const;
  Result<v1::ListResourcesResponse> ListResources(const Principal& principal,
                                                  const v1::ListResourcesRequest& request) const;
  Result<v1::DeleteResourceResponse> DeleteResource(const Principal& principal,
                                                    const v1::DeleteResourceRequest& request);
  Result<v1::ListRevisionsResponse> ListRevisions(const Principal& principal,
                                                  const v1::ListRevisionsRequest& request) const;
  Result<v1::GetRevisionResponse> GetRevision(const Principal& principal,
                                              const v1::GetRevisionRequest& request) const;
  Result<v1::DiffRevisionsResponse> DiffRevisions(const Principal& principal,
                                                  const v1::DiffRevisionsRequest& request) const;
  // A new revision in which the documents that API writers own are as they were at the one named.
  Result<v1::RollBackResponse> RollBack(const Principal& principal, const v1::RollBackRequest& request);

  // Releases in stages. While one runs, no other write of documents is taken (kConflict).
  Result<v1::ListRolloutsResponse> ListRollouts(const Principal& principal,
                                                const v1::ListRolloutsRequest& request) const;
  Result<v1::Rollout> GetRollout(const Principal& principal, const v1::GetRolloutRequest& request) const;
  Result<v1::Rollout> SteerRollout(const Principal& principal, const v1::SteerRolloutRequest& request);
  bool RollingOut() const;
  void WatchRollout();  // moves it on; call it about twice a second

  Result<v1::ListServicesResponse> ListServices(const Principal& principal,
                                                const v1::ListServicesRequest& request) const;
  Result<v1::Service> GetService(const Principal& principal, const v1::GetServiceRequest& request) const;
  Result<v1::Service> PutService(const Principal& principal, const v1::PutServiceRequest& request);
  Result<v1::DeleteServiceResponse> DeleteService(const Principal& principal,
                                                  const v1::DeleteServiceRequest& request);
  Result<v1::ListInstancesResponse> ListInstances(const Principal& principal,
                                                  const v1::ListInstancesRequest& request) const;
  Result<v1::RegisteredInstance> GetInstance(const Principal& principal,
                                             const v1::GetInstanceRequest& request) const;
  Result<v1::RegisteredInstance> PutInstance(const Principal& principal,
                                             const v1::PutInstanceRequest& request);
  Result<v1::DeleteInstanceResponse> DeleteInstance(const Principal& principal,
                                                    const v1::DeleteInstanceRequest& request);
  Result<v1::HeartbeatResponse> Heartbeat(const Principal& principal, const v1::HeartbeatRequest& request);

  // The documents of one source replace all that this source owned, as one transaction. Nothing changed: no
  // revision.
  Result<v1::ApplyResponse> Replace(const std::string& owner, std::vector<resource::DocumentPtr> documents);

  // Discovery (controlplane/intake). What a source owns is what it wrote; nobody else may change it.
  // Writes some of an owner's documents and removes others, as one transaction.
  Result<v1::ApplyResponse> ChangeOwned(const std::string& owner,
                                        const std::vector<resource::DocumentPtr>& documents,
                                        const std::set<store::Key>& removed);
  // Whether ChangeOwned would take it now.
  Status CheckOwned(const std::string& owner, const resource::DocumentPtr& document);
  std::set<store::Key> DocumentsOf(const std::string& owner) const;
  struct Judged {
    resource::DocumentPtr document;          // in force
    std::vector<compile::Finding> findings;  // warnings about it
  };
  std::map<store::Key, Judged> JudgedOf(const std::string& owner) const;
  // All instances that the source knows of a service that it owns, ids unique: endpoints, so no revision.
  // What cannot be used, or has the id of an instance that another registered, is left out and answered.
  Result<std::vector<Error>> SetDiscovered(const std::string& owner, const ServiceKey& service,
                                           const std::vector<v1::Instance>& instances);
  std::optional<std::string> OwnerOf(const ServiceKey& service) const;   // none: there is no such service
  std::optional<std::string> OwnerOf(const store::Key& document) const;  // likewise
  std::set<ServiceKey> ServicesOf(const std::string& owner) const;
  std::vector<v1::Instance> Discovered(const std::string& owner, const ServiceKey& service) const;
  std::size_t CountDiscovered(const std::string& owner) const;

  // Documents as they change; ends with kGone when changes were missed. The watch must not outlive this.
  Result<std::unique_ptr<Watch>> WatchResources(const Principal& principal, const v1::WatchRequest& request);
  void WakeWatches() { changes_.Wake(); }   // so that they look who may still read them
  void StopWatches() { changes_.Close(); }  // before the end of the program

  void ExpireLeases();  // call it every second or so; also lets watches look at the time
  store::Version version() const { return store_.version(); }
  Counts counts() const;

 private:
  struct Entry {
    resource::DocumentPtr document;
    std::string owner;
    std::uint64_t revision = 0;
  };
  using Entries = std::map<store::Key, Entry>;
  struct Draft {                                       // a write being made
    std::map<store::Key, std::optional<Entry>> named;  // what it says of these; none: deleted
    store::Write write;
    v1::ApplyResponse response;
    std::optional<v1::RolloutPlan> rollout = std::nullopt;
    std::optional<rollout::Machine> machine = std::nullopt;  // of that plan
  };
  struct Registration {
    v1::RegisteredInstance proto;
    snapshot::Instance instance;
  };

  Result<v1::ApplyResponse> ApplyLocked(const Principal& principal, const v1::ApplyRequest& request,
                                        const std::string& owner);
  resource::DocumentPtr WithItsCreation(const resource::DocumentPtr& document, const Entry* current) const;
  Status AddChange(Draft& draft, const resource::DocumentPtr& submitted, const std::string& owner) const;
  Status AddDelete(Draft& draft, const store::Key& key, const std::string& owner,
                   const std::string& if_match) const;
  Result<v1::RollBackResponse> RollBackLocked(const Principal& principal, const v1::RollBackRequest& request);
  Watch::Begin BeginWithAll() const;
  Result<Watch::Begin> BeginAfter(std::uint64_t from) const;
  Result<std::vector<Change>> Reread(std::uint64_t from) const;
  void TellWatches(const Draft& draft, std::uint64_t revision);
  Result<Draft> DraftOfPast(std::uint64_t revision) const;
  compile::Edits EditsOf(const Draft& draft) const;
  static compile::Edits EditsBetween(const Entries& before, const Entries& after);
  // Leaves the compiler as it was when it refuses.
  Result<compile::Output> Compile(const compile::Edits& edits, v1::ApplyResponse* response);
  Result<v1::ApplyResponse> Finish(Draft draft, const Principal& principal, bool dry_run);
  Status Write(Draft& draft, const Principal& principal, const compile::Output& compiled);
  snapshot::Version VersionOf(std::uint64_t revision) const;
  Result<Entries> Parse(const store::Image& image) const;
  Status LoadReleases();
  Status ResumeRollout(const store::Rollout& kept);
  Status CheckRollout(Draft& draft, const compile::Output& compiled, const Principal& principal);
  void BeginRollout(rollout::Machine machine, const compile::Output& compiled);
  void WatchRolloutLocked();
  rollout::Observation LookAtFleet() const;
  void ChooseAgents(std::size_t connected);
  void Complete();
  void TakeBack();
  Status WriteBase(const v1::Rollout& ended);
  void EndRollout(bool warning, const char* reason, const std::string& message);
  Status KeepRollout(const v1::Rollout& state, bool everybody);
  Result<v1::Rollout> RolloutNow(const store::Rollout& kept) const;
  Result<v1::Rollout> FindRollout(std::uint64_t revision) const;
  void TellRollout(bool warning, const char* reason, const std::string& message);
  void Accept(Draft& draft, std::uint64_t revision);
  std::optional<std::string> EtagOf(const store::Key& key) const;
  std::vector<store::InstanceChange> TakeDiscovered(const std::string& owner, const ServiceKey& service,
                                                    const std::vector<v1::Instance>& instances,
                                                    std::vector<Error>& unusable);
  Result<store::Key> KeyOf(const std::string& kind, const std::string& ns, const std::string& name) const;
  v1::Resource Describe(const store::Key& key, const Entry& entry) const;
  v1::RegisteredInstance DescribeInstance(const snapshot::Endpoints& endpoints,
                                          const v1::Instance& instance) const;
  Result<v1::Service> DescribeService(const std::string& ns, const std::string& name) const;
  bool HasService(const ServiceKey& key) const;
  std::uint64_t PublishInstances(const ServiceKey& service);
  Status LoadInstances();
  void Forget(const ServiceKey& service);
  template <class T>
  Result<T> Counted(Result<T> result) {
    if (!result) ++counts_.refused_writes;
    return result;
  }

  store::Store& store_;
  Publisher& publisher_;
  const Settings settings_;
  mutable std::mutex mutex_;  // guards all below
  Entries entries_;
  compile::Compiler compiler_;  // has seen these entries
  std::map<ServiceKey, std::map<InstanceId, Registration>> registered_;
  store::Leases leases_;
  std::optional<rollout::Machine> rollout_;  // that runs
  std::set<ServiceKey> rollout_services_;    // that it changes
  Counts counts_;
  ChangeFeed changes_{kChangesKept};  // has a lock of its own
  std::uint64_t changes_since_ = 0;   // what came after this revision went through the feed
  TimePoint woken_;                   // when watches last looked at the time
};

}  // namespace weft::api
