#pragma once
// From what the store released and who is registered to what agents are served: compiled bundles and merged
// endpoints go to the hub. The released revision is given, never the head. Thread rule: any thread; calls are
// ordered by one lock.

#include <map>
#include <mutex>

#include "controlplane/stream/endpoint_book.h"
#include "controlplane/stream/hub.h"

namespace weft::stream {

class Publisher {
 public:
  explicit Publisher(Hub& hub) : hub_(hub) {}

  // `compiled` is what that revision changes in what was published or staged last; it must be ok().
  void Publish(const compile::Output& compiled, const snapshot::Version& released);

  // Whether these documents can be served to a cohort alone: their static instances are as everybody has
  // them.
  Status CanStage(const compile::Output& compiled) const;
  // Serves them to a cohort, everybody else goes on with what was published. Returns the services that
  // change.
  std::set<ServiceKey> Stage(const compile::Output& compiled, const snapshot::Version& candidate,
                             rollout::Cohort cohort);
  void Widen(rollout::Cohort cohort);  // of what was staged
  void Promote();                      // what was staged is for everybody

  // All registered instances of a service, draining ones too; empty: none any more.
  void SetRegistered(const ServiceKey& service, std::vector<snapshot::Instance> instances);

  snapshot::EndpointsPtr Find(const ServiceKey& service) const;   // null: never had an instance
  std::map<ServiceKey, snapshot::EndpointsPtr> Services() const;  // of every released service

 private:
  void Serve();
  const ReleasePtr& newest() const { return candidate_ != nullptr ? candidate_ : released_; }
  void SetStatic(const ServiceKey& service, std::vector<snapshot::Instance> instances);

  Hub& hub_;
  mutable std::mutex mutex_;
  EndpointBook book_;
  ReleasePtr released_;
  ReleasePtr candidate_;  // null: nothing is staged
  std::shared_ptr<const rollout::Cohort> cohort_;
};

}  // namespace weft::stream
