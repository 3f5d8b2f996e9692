#pragma once
// The handlers `Result<Response>(const Principal&, Request)` behind the table: Control's, and those that ask
// the agents' directory and the statistics. The role of a row is checked here, for REST and gRPC alike.
// Thread rule: any thread.

#include "controlplane/api/audit.h"
#include "controlplane/api/control.h"
#include "controlplane/api/event_watch.h"
#include "controlplane/api/table.h"
#include "controlplane/identity/authority.h"
#include "weft/v1/identity.pb.h"

namespace weft::api {

class Api {
 public:
  // `ca` null: calls about identity are kNotFound.
  Api(Control& control, AgentDirectory& agents, Statistics& statistics, EventFeed& events,
      identity::Authority* ca = nullptr)
      : control_(control), agents_(agents), statistics_(statistics), events_(events), ca_(ca) {}

  Result<v1::ApplyResponse> Handle(const Principal& p, const v1::ApplyRequest& q) {
    return control_.Apply(p, q);
  }
  Result<std::unique_ptr<Watch>> Handle(const Principal& p, const v1::WatchRequest& q) {
    return control_.WatchResources(p, q);
  }
  Result<v1::Resource> Handle(const Principal& p, const v1::GetResourceRequest& q) {
    return control_.GetResource(p, q);
  }
  Result<v1::ListResourcesResponse> Handle(const Principal& p, const v1::ListResourcesRequest& q) {
    return control_.ListResources(p, q);
  }
  Result<v1::DeleteResourceResponse> Handle(const Principal& p, const v1::DeleteResourceRequest& q) {
    return control_.DeleteResource(p, q);
  }
  Result<v1::ListRevisionsResponse> Handle(const Principal& p, const v1::ListRevisionsRequest& q) {
    return control_.ListRevisions(p, q);
  }
  Result<v1::GetRevisionResponse> Handle(const Principal& p, const v1::GetRevisionRequest& q) {
    return control_.GetRevision(p, q);
  }
  Result<v1::DiffRevisionsResponse> Handle(const Principal& p, const v1::DiffRevisionsRequest& q) {
    return control_.DiffRevisions(p, q);
  }
  Result<v1::RollBackResponse> Handle(const Principal& p, const v1::RollBackRequest& q) {
    return control_.RollBack(p, q);
  }
  Result<v1::ListRolloutsResponse> Handle(const Principal& p, const v1::ListRolloutsRequest& q) {
    return control_.ListRollouts(p, q);
  }
  Result<v1::Rollout> Handle(const Principal& p, const v1::GetRolloutRequest& q) {
    return control_.GetRollout(p, q);
  }
  Result<v1::Rollout> Handle(const Principal& p, const v1::SteerRolloutRequest& q) {
    return control_.SteerRollout(p, q);
  }
  Result<v1::ListServicesResponse> Handle(const Principal& p, const v1::ListServicesRequest& q) {
    return control_.ListServices(p, q);
  }
  Result<v1::Service> Handle(const Principal& p, const v1::GetServiceRequest& q) {
    return control_.GetService(p, q);
  }
  Result<v1::Service> Handle(const Principal& p, const v1::PutServiceRequest& q) {
    return control_.PutService(p, q);
  }
  Result<v1::DeleteServiceResponse> Handle(const Principal& p, const v1::DeleteServiceRequest& q) {
    return control_.DeleteService(p, q);
  }
  Result<v1::ListInstancesResponse> Handle(const Principal& p, const v1::ListInstancesRequest& q) {
    Result<v1::ListInstancesResponse> listed = control_.ListInstances(p, q);
    if (listed) AddHealth({"local", q.namespace_(), q.service()}, *listed);
    return listed;
  }
  Result<v1::RegisteredInstance> Handle(const Principal& p, const v1::GetInstanceRequest& q) {
    return control_.GetInstance(p, q);
  }
  Result<v1::RegisteredInstance> Handle(const Principal& p, const v1::PutInstanceRequest& q) {
    return control_.PutInstance(p, q);
  }
  Result<v1::DeleteInstanceResponse> Handle(const Principal& p, const v1::DeleteInstanceRequest& q) {
    return control_.DeleteInstance(p, q);
  }
  Result<v1::HeartbeatResponse> Handle(const Principal& p, const v1::HeartbeatRequest& q) {
    return control_.Heartbeat(p, q);
  }
  Result<v1::ListAgentsResponse> Handle(const Principal& principal, const v1::ListAgentsRequest& request);
  Result<v1::AgentConfig> Handle(const Principal& principal, const v1::GetAgentConfigRequest& request);
  Result<v1::AcceptAgentResponse> Handle(const Principal& principal, const v1::AcceptAgentRequest& request);
  Result<v1::DrainAgentResponse> Handle(const Principal& principal, const v1::DrainAgentRequest& request);
  Result<v1::GetStatsResponse> Handle(const Principal& principal, const v1::GetStatsRequest& request);
  Result<v1::ExplainResult> Handle(const Principal& principal, const v1::ExplainQuery& request);
  Result<v1::ListEventsResponse> Handle(const Principal& principal, const v1::ListEventsRequest& request);
  Result<std::unique_ptr<Source<v1::Event>>> Handle(const Principal& principal,
                                                    const v1::WatchEventsRequest& request);

  Result<v1::IdentityState> Handle(const Principal& principal, const v1::GetIdentityRequest& request);
  Result<v1::IdentityState> Handle(const Principal& principal, const v1::RotateRootRequest& request);
  Result<v1::JoinToken> Handle(const Principal& principal, const v1::CreateJoinTokenRequest& request);
  Result<v1::ListJoinTokensResponse> Handle(const Principal& principal,
                                            const v1::ListJoinTokensRequest& request);
  Result<v1::RevokeJoinTokenResponse> Handle(const Principal& principal,
                                             const v1::RevokeJoinTokenRequest& request);
  Result<v1::Revocation> Handle(const Principal& principal, const v1::RevokeRequest& request);
  Result<v1::ListRevocationsResponse> Handle(const Principal& principal,
                                             const v1::ListRevocationsRequest& request);
  Result<v1::TakeBackRevocationResponse> Handle(const Principal& principal,
                                                const v1::TakeBackRevocationRequest& request);

  // Runs the handler of `rpc`, whose request type Q is; kForbidden when the principal's role is too small.
  template <class Q>
  auto Call(Rpc rpc, const Principal& principal, const Q& request) {
    using Answer = decltype(Handle(principal, request));
    auto allowed = auth::Require(principal, RoleOf(rpc));
    if (allowed) allowed = CheckSpeaker(principal, request);
    Answer answer = allowed ? Handle(principal, request) : Answer(allowed.error());
    AuditCall(rpc, principal, request, answer);
    return answer;
  }

  Result<v1::GetGraphResponse> Handle(const Principal&, const v1::GetGraphRequest& q) {
    return statistics_.Graph(q.namespace_());
  }
  Result<v1::ListIssuesResponse> Handle(const Principal&, const v1::ListIssuesRequest& q) {
    return statistics_.Issues(q.namespace_());
  }
  std::string ServiceStats() const { return statistics_.ServiceStats(); }  // JSON; REST only

 private:
  Control& control_;
  AgentDirectory& agents_;
  void AddHealth(const ServiceKey& service, v1::ListInstancesResponse& listed) const;

  Statistics& statistics_;
  EventFeed& events_;
  identity::Authority* const ca_;
};

}  // namespace weft::api
