#include "controlplane/api/grpc.h"

#include <grpcpp/grpcpp.h>

#include "controlplane/api/guard.h"
#include "controlplane/api/reactor.h"
#include "controlplane/caller/caller.h"
#include "weft/v1/config.grpc.pb.h"
#include "weft/v1/identity.grpc.pb.h"
#include "weft/v1/registry.grpc.pb.h"

namespace weft::api {
namespace {

class Caller {
 public:
  Caller(Api& api, auth::Authenticator& authenticator) : api_(api), authenticator_(authenticator) {}

  template <class Q, class R>
  grpc::Status Run(Rpc rpc, grpc::ServerContext& context, const Q& request, R& response) {
    const auto principal = Who(context);
    if (!principal) return Failed(context, principal.error());
    auto done = api_.Call(rpc, *principal, request);
    if (!done) return Failed(context, done.error());
    response = std::move(*done);
    return grpc::Status::OK;
  }

  // A server stream: the handler's answer is a Source.
  template <class Message, class Q>
  grpc::ServerWriteReactor<Message>* Stream(Rpc rpc, grpc::CallbackServerContext& context, const Q& request) {
    const auto principal = Who(context);
    if (!principal) return new RefusedStream<Message>(Failed(context, principal.error()));
    auto source = api_.Call(rpc, *principal, request);
    if (!source) return new RefusedStream<Message>(Failed(context, source.error()));
    // The context lives as long as the stream.
    auto guarded = std::make_unique<GuardedSource<Message>>(
        std::move(*source), [&authenticator = authenticator_, &context, role = RoleOf(rpc)]() -> Status {
          const auto still = authenticator.Authenticate(caller::CredentialsOf(context));
          return still ? auth::Require(*still, role) : still.error();
        });
    auto* reactor = new Reactor<Message>(std::move(guarded), caller::ToGrpcStatus);
    reactor->Begin();
    return reactor;
  }

 private:
  Result<Principal> Who(const grpc::ServerContextBase& context) const {
    return authenticator_.Authenticate(caller::CredentialsOf(context));
  }

  static grpc::Status Failed(grpc::ServerContextBase& context, const Error& error) {
    if (!error.field.empty()) context.AddTrailingMetadata("weft-field", error.field);
    return caller::ToGrpcStatus(error);
  }

  Api& api_;
  auth::Authenticator& authenticator_;
};

using Context = grpc::ServerContext;
using GrpcStatus = grpc::Status;

class RegistryService final : public v1::Registry::Service, Caller {
 public:
  using Caller::Caller;
  GrpcStatus ListServices(Context* c, const v1::ListServicesRequest* q,
                          v1::ListServicesResponse* r) override {
    return Run(Rpc::kListServices, *c, *q, *r);
  }
  GrpcStatus GetService(Context* c, const v1::GetServiceRequest* q, v1::Service* r) override {
    return Run(Rpc::kGetService, *c, *q, *r);
  }
  GrpcStatus PutService(Context* c, const v1::PutServiceRequest* q, v1::Service* r) override {
    return Run(Rpc::kPutService, *c, *q, *r);
  }
  GrpcStatus DeleteService(Context* c, const v1::DeleteServiceRequest* q,
                           v1::DeleteServiceResponse* r) override {
    return Run(Rpc::kDeleteService, *c, *q, *r);
  }
  GrpcStatus ListInstances(Context* c, const v1::ListInstancesRequest* q,
                           v1::ListInstancesResponse* r) override {
    return Run(Rpc::kListInstances, *c, *q, *r);
  }
  GrpcStatus GetInstance(Context* c, const v1::GetInstanceRequest* q, v1::RegisteredInstance* r) override {
    return Run(Rpc::kGetInstance, *c, *q, *r);
  }
  GrpcStatus PutInstance(Context* c, const v1::PutInstanceRequest* q, v1::RegisteredInstance* r) override {
    return Run(Rpc::kPutInstance, *c, *q, *r);
  }
  GrpcStatus DeleteInstance(Context* c, const v1::DeleteInstanceRequest* q,
                            v1::DeleteInstanceResponse* r) override {
    return Run(Rpc::kDeleteInstance, *c, *q, *r);
  }
  GrpcStatus Heartbeat(Context* c, const v1::HeartbeatRequest* q, v1::HeartbeatResponse* r) override {
    return Run(Rpc::kHeartbeat, *c, *q, *r);
  }
};

class ConfigService final : public v1::Config::WithCallbackMethod_Watch<v1::Config::Service>, Caller {
 public:
  using Caller::Caller;
  GrpcStatus Apply(Context* c, const v1::ApplyRequest* q, v1::ApplyResponse* r) override {
    return Run(Rpc::kApply, *c, *q, *r);
  }
  GrpcStatus GetResource(Context* c, const v1::GetResourceRequest* q, v1::Resource* r) override {
    return Run(Rpc::kGetResource, *c, *q, *r);
  }
  GrpcStatus ListResources(Context* c, const v1::ListResourcesRequest* q,
                           v1::ListResourcesResponse* r) override {
    return Run(Rpc::kListResources, *c, *q, *r);
  }
  GrpcStatus DeleteResource(Context* c, const v1::DeleteResourceRequest* q,
                            v1::DeleteResourceResponse* r) override {
    return Run(Rpc::kDeleteResource, *c, *q, *r);
  }
  grpc::ServerWriteReactor<v1::WatchEvent>* Watch(grpc::CallbackServerContext* c,
                                                  const v1::WatchRequest* q) override {
    return Stream<v1::WatchEvent>(Rpc::kListResources, *c, *q);
  }
  GrpcStatus ListRevisions(Context* c, const v1::ListRevisionsRequest* q,
                           v1::ListRevisionsResponse* r) override {
    return Run(Rpc::kListRevisions, *c, *q, *r);
  }
  GrpcStatus GetRevision(Context* c, const v1::GetRevisionRequest* q, v1::GetRevisionResponse* r) override {
    return Run(Rpc::kGetRevision, *c, *q, *r);
  }
  GrpcStatus DiffRevisions(Context* c, const v1::DiffRevisionsRequest* q,
                           v1::DiffRevisionsResponse* r) override {
    return Run(Rpc::kDiffRevisions, *c, *q, *r);
  }
  GrpcStatus RollBack(Context* c, const v1::RollBackRequest* q, v1::RollBackResponse* r) override {
    return Run(Rpc::kRollBack, *c, *q, *r);
  }
  GrpcStatus ListRollouts(Context* c, const v1::ListRolloutsRequest* q,
                          v1::ListRolloutsResponse* r) override {
    return Run(Rpc::kListRollouts, *c, *q, *r);
  }
  GrpcStatus GetRollout(Context* c, const v1::GetRolloutRequest* q, v1::Rollout* r) override {
    return Run(Rpc::kGetRollout, *c, *q, *r);
  }
  GrpcStatus SteerRollout(Context* c, const v1::SteerRolloutRequest* q, v1::Rollout* r) override {
    return Run(Rpc::kSteerRollout, *c, *q, *r);
  }
  GrpcStatus ListAgents(Context* c, const v1::ListAgentsRequest* q, v1::ListAgentsResponse* r) override {
    return Run(Rpc::kListAgents, *c, *q, *r);
  }
  GrpcStatus GetAgentConfig(Context* c, const v1::GetAgentConfigRequest* q, v1::AgentConfig* r) override {
    return Run(Rpc::kGetAgentConfig, *c, *q, *r);
  }
  GrpcStatus AcceptAgent(Context* c, const v1::AcceptAgentRequest* q, v1::AcceptAgentResponse* r) override {
    return Run(Rpc::kAcceptAgent, *c, *q, *r);
  }
  GrpcStatus DrainAgent(Context* c, const v1::DrainAgentRequest* q, v1::DrainAgentResponse* r) override {
    return Run(Rpc::kDrainAgent, *c, *q, *r);
  }
  GrpcStatus GetStats(Context* c, const v1::GetStatsRequest* q, v1::GetStatsResponse* r) override {
    return Run(Rpc::kGetStats, *c, *q, *r);
  }
  GrpcStatus Explain(Context* c, const v1::ExplainQuery* q, v1::ExplainResult* r) override {
    return Run(Rpc::kExplain, *c, *q, *r);
  }
  GrpcStatus ListEvents(Context* c, const v1::ListEventsRequest* q, v1::ListEventsResponse* r) override {
    return Run(Rpc::kListEvents, *c, *q, *r);
  }
};

class IdentityService final : public v1::Identity::Service, Caller {
 public:
  using Caller::Caller;
  GrpcStatus GetIdentity(Context* c, const v1::GetIdentityRequest* q, v1::IdentityState* r) override {
    return Run(Rpc::kGetIdentity, *c, *q, *r);
  }
  GrpcStatus RotateRoot(Context* c, const v1::RotateRootRequest* q, v1::IdentityState* r) override {
    return Run(Rpc::kRotateRoot, *c, *q, *r);
  }
  GrpcStatus CreateJoinToken(Context* c, const v1::CreateJoinTokenRequest* q, v1::JoinToken* r) override {
    return Run(Rpc::kCreateJoinToken, *c, *q, *r);
  }
  GrpcStatus ListJoinTokens(Context* c, const v1::ListJoinTokensRequest* q,
                            v1::ListJoinTokensResponse* r) override {
    return Run(Rpc::kListJoinTokens, *c, *q, *r);
  }
  GrpcStatus RevokeJoinToken(Context* c, const v1::RevokeJoinTokenRequest* q,
                             v1::RevokeJoinTokenResponse* r) override {
    return Run(Rpc::kRevokeJoinToken, *c, *q, *r);
  }
  GrpcStatus Revoke(Context* c, const v1::RevokeRequest* q, v1::Revocation* r) override {
    return Run(Rpc::kRevoke, *c, *q, *r);
  }
  GrpcStatus ListRevocations(Context* c, const v1::ListRevocationsRequest* q,
                             v1::ListRevocationsResponse* r) override {
    return Run(Rpc::kListRevocations, *c, *q, *r);
  }
  GrpcStatus TakeBackRevocation(Context* c, const v1::TakeBackRevocationRequest* q,
                                v1::TakeBackRevocationResponse* r) override {
    return Run(Rpc::kTakeBackRevocation, *c, *q, *r);
  }
};

}  // namespace

std::vector<std::unique_ptr<grpc::Service>> MakeGrpcServices(Api& api, auth::Authenticator& authenticator) {
  std::vector<std::unique_ptr<grpc::Service>> services;
  services.push_back(std::make_unique<RegistryService>(api, authenticator));
  services.push_back(std::make_unique<ConfigService>(api, authenticator));
  services.push_back(std::make_unique<IdentityService>(api, authenticator));
  return services;
}

EventStream MakeEventStream(Api& api, auth::Authenticator& authenticator) {
  return [caller = Caller(api, authenticator)](grpc::CallbackServerContext& context,
                                               const v1::WatchEventsRequest& request) mutable {
    return caller.Stream<v1::Event>(Rpc::kListEvents, context, request);
  };
}

}  // namespace weft::api
