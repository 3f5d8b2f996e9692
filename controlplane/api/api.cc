#include "controlplane/api/api.h"

namespace weft::api {

Result<v1::ListAgentsResponse> Api::Handle(const Principal&, const v1::ListAgentsRequest& request) {
  v1::ListAgentsResponse response;
  for (v1::Agent& agent : agents_.Agents(request.namespace_())) *response.add_agents() = std::move(agent);
  return response;
}

Result<v1::AgentConfig> Api::Handle(const Principal&, const v1::GetAgentConfigRequest& request) {
  return agents_.Config(request.node_id());
}

Result<v1::AcceptAgentResponse> Api::Handle(const Principal&, const v1::AcceptAgentRequest& request) {
  const auto accepted = agents_.Accept(request.node_id());
  if (!accepted) return accepted.error();
  v1::AcceptAgentResponse response;
  response.set_accepted(*accepted);
  return response;
}

Result<v1::DrainAgentResponse> Api::Handle(const Principal&, const v1::DrainAgentRequest& request) {
  if (request.deadline_ms() < 0) return Invalid("must not be negative", "deadline");
  if (auto ok = agents_.Drain(request.node_id(), request.deadline_ms()); !ok) return ok.error();
  return v1::DrainAgentResponse();
}

Result<v1::GetStatsResponse> Api::Handle(const Principal&, const v1::GetStatsRequest& request) {
  v1::GetStatsResponse response;
  response.set_json(statistics_.HealthStats(request.correlation_id()));
  return response;
}

Result<v1::ExplainResult> Api::Handle(const Principal&, const v1::ExplainQuery& request) {
  if (request.request_id().empty() || request.request_id().size() > 64)
    return Invalid("a request id has 1 to 64 characters", "request-id");
  return statistics_.Explain(request.request_id());
}

}  // namespace weft::api
