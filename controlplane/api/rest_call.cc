#include "controlplane/api/rest_call.h"

#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"

namespace weft::api {

http::Response JsonResponse(const Json& json) {
  http::Response response;
  response.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return response;
}

Result<http::Response> Dispatch(Api& api, const RestCall& call) {
  switch (call.row.rpc) {
    case Rpc::kListServices: return rest::ListServices(api, call);
    case Rpc::kGetService: return rest::GetService(api, call);
    case Rpc::kPutService: return rest::PutService(api, call);
    case Rpc::kDeleteService: return rest::DeleteService(api, call);
    case Rpc::kListInstances: return rest::ListInstances(api, call);
    case Rpc::kGetInstance: return rest::GetInstance(api, call);
    case Rpc::kPutInstance: return rest::PutInstance(api, call);
    case Rpc::kDeleteInstance: return rest::DeleteInstance(api, call);
    case Rpc::kHeartbeat: return rest::Heartbeat(api, call);
    case Rpc::kApply: return rest::Apply(api, call);
    case Rpc::kPutResource: return rest::PutResource(api, call);
    case Rpc::kGetResource: return rest::GetResource(api, call);
    case Rpc::kListResources: return rest::ListResources(api, call);
    case Rpc::kDeleteResource: return rest::DeleteResource(api, call);
    case Rpc::kListRevisions: return rest::ListRevisions(api, call);
    case Rpc::kGetRevision: return rest::GetRevision(api, call);
    case Rpc::kRollBack: return rest::RollBack(api, call);
    case Rpc::kDiffRevisions: return rest::DiffRevisions(api, call);
    case Rpc::kListRollouts: return rest::ListRollouts(api, call);
    case Rpc::kGetRollout: return rest::GetRollout(api, call);
    case Rpc::kSteerRollout: return rest::SteerRollout(api, call);
    case Rpc::kListAgents: return rest::ListAgents(api, call);
    case Rpc::kGetAgentConfig: return rest::GetAgentConfig(api, call);
    case Rpc::kAcceptAgent: return rest::AcceptAgent(api, call);
    case Rpc::kDrainAgent: return rest::DrainAgent(api, call);
    case Rpc::kGetStats: return rest::GetStats(api, call);
    case Rpc::kServiceStats: return rest::ServiceStats(api, call);
    case Rpc::kGetGraph: return rest::GetGraph(api, call);
    case Rpc::kListIssues: return rest::ListIssues(api, call);
    case Rpc::kExplain: return rest::Explain(api, call);
    case Rpc::kListEvents: return rest::ListEvents(api, call);
    case Rpc::kGetIdentity: return rest::GetIdentity(api, call);
    case Rpc::kRotateRoot: return rest::RotateRoot(api, call);
    case Rpc::kListJoinTokens: return rest::ListJoinTokens(api, call);
    case Rpc::kCreateJoinToken: return rest::CreateJoinToken(api, call);
    case Rpc::kRevokeJoinToken: return rest::RevokeJoinToken(api, call);
    case Rpc::kRevoke: return rest::Revoke(api, call);
    case Rpc::kListRevocations: return rest::ListRevocations(api, call);
    case Rpc::kTakeBackRevocation: return rest::TakeBackRevocation(api, call);
    case Rpc::kVersion:
    case Rpc::kOpenApi: break;  // answered by Rest, which knows the program
  }
  return Error{ErrorKind::kInternal, "a row without a handler", {}, {}};
}

}  // namespace weft::api
