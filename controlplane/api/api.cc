#include "controlplane/api/api.h"

#include "controlplane/api/filter.h"

namespace weft::api {
namespace {

Status CheckType(const std::string& type) {
  if (type.empty() || type == "Normal" || type == "Warning") return {};
  return Invalid("'" + type + "' is neither Normal nor Warning", "type");
}

}  // namespace

Result<v1::ListAgentsResponse> Api::Handle(const Principal&, const v1::ListAgentsRequest& request) {
  const auto selector = resource::Selector::ParseLabels(request.label_selector(), "labelSelector");
  if (!selector) return selector.error();
  const std::uint32_t most = PageSize(request.limit());
  v1::ListAgentsResponse response;
  for (v1::Agent& agent : agents_.Agents(request.namespace_())) {
    if (agent.node_id() < request.from()) continue;
    Labels labels;
    for (const v1::Label& label : agent.labels()) labels[label.name()] = label.value();
    if (!Takes(*selector, labels)) continue;
    if (static_cast<std::uint32_t>(response.agents_size()) == most) {
      response.set_next(agent.node_id());
      break;
    }
    *response.add_agents() = std::move(agent);
  }
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
  if (!request.last_error_of().empty()) {
    const Result<ServiceKey> service = ServiceKey::Parse(request.last_error_of());
    if (!service) return Invalid(service.error().detail, "lastErrorOf");
    return statistics_.Explain({}, service->ToString());
  }
  if (request.request_id().empty() || request.request_id().size() > 64)
    return Invalid("a request id has 1 to 64 characters", "request-id");
  return statistics_.Explain(request.request_id(), {});
}

void Api::AddHealth(const ServiceKey& service, v1::ListInstancesResponse& listed) const {
  const std::map<std::string, v1::InstanceHealth> health = statistics_.HealthOf(service);
  for (v1::RegisteredInstance& instance : *listed.mutable_instances()) {
    const auto found = health.find(instance.instance().id());
    if (found != health.end()) *instance.mutable_seen() = found->second;
  }
}

Result<v1::ListEventsResponse> Api::Handle(const Principal&, const v1::ListEventsRequest& request) {
  if (auto ok = CheckType(request.type()); !ok) return ok.error();
  const events::Book& book = events_.book();
  v1::ListEventsResponse response;
  response.set_last(book.last());
  for (const events::Event& event : book.After(request.after())) {
    if (event.number > response.last()) break;  // it happened meanwhile: the next request has it
    if (Wants(request, event)) *response.add_events() = ToProto(event);
  }
  return response;
}

Result<std::unique_ptr<Source<v1::Event>>> Api::Handle(const Principal&,
                                                       const v1::WatchEventsRequest& request) {
  if (auto ok = CheckType(request.type()); !ok) return ok.error();
  return events_.Watch(request);
}

}  // namespace weft::api
