// REST of who calls whom and of what is wrong: the messages of Telemetry.GetGraph and ListIssues as JSON.
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"

namespace weft::api::rest {
namespace {

Json PeerJson(const v1::Peer& peer) {
  Json out{{"namespace", peer.namespace_()}, {"name", peer.name()}};
  if (peer.client()) out["client"] = true;
  return out;
}

Json FlowJson(const v1::Flow& flow) {
  return {{"requests", flow.requests()},
          {"failures", flow.failures()},
          {"retries", flow.retries()},
          {"rps", flow.rps()},
          {"successRate", flow.success_rate()},
          {"p50Ms", flow.p50_ms()},
          {"p95Ms", flow.p95_ms()},
          {"p99Ms", flow.p99_ms()}};
}

Json NodeJson(const v1::GraphNode& node) {
  Json out = PeerJson(node.peer());
  if (!node.peer().client()) {
    out["health"] = node.health();
    out["instances"] = node.instances();
    out["healthy"] = node.healthy();
  }
  if (node.has_inbound()) out["inbound"] = FlowJson(node.inbound());
  return out;
}

Json EdgeJson(const v1::GraphEdge& edge) {
  Json out{{"from", PeerJson(edge.from())}, {"to", PeerJson(edge.to())}};
  out.update(FlowJson(edge.flow()));
  out["circuit"] = edge.circuit();
  out["reasons"] = Json::object();
  for (const v1::Count& count : edge.reasons()) out["reasons"][count.name()] = count.value();
  out["issues"] = Json::array();
  for (const std::string& code : edge.issues()) out["issues"].push_back(code);
  return out;
}

Json IssueJson(const v1::Issue& issue) {
  Json out{{"code", issue.code()}, {"severity", issue.severity()}, {"kind", issue.kind()}};
  if (issue.has_from()) out["from"] = PeerJson(issue.from());
  out["to"] = PeerJson(issue.to());
  out["subject"] = issue.subject();
  out["evidence"] = issue.evidence();
  out["suggestion"] = issue.suggestion();
  out["since"] = UtcText(issue.since_unix_ms());
  out["lastSeen"] = UtcText(issue.seen_unix_ms());
  if (!issue.cause().empty()) out["cause"] = issue.cause();
  return out;
}

}  // namespace

Answer GetGraph(Api& api, const RestCall& call) {
  v1::GetGraphRequest request;
  request.set_namespace_(call.request.Query("namespace"));
  return Ask(api, call, request, [](const v1::GetGraphResponse& done) {
    Json json{{"nodes", Json::array()}, {"edges", Json::array()}};
    for (const v1::GraphNode& node : done.nodes()) json["nodes"].push_back(NodeJson(node));
    for (const v1::GraphEdge& edge : done.edges()) json["edges"].push_back(EdgeJson(edge));
    json["overflows"] = done.overflows();
    return JsonResponse(json);
  });
}

Answer ListIssues(Api& api, const RestCall& call) {
  v1::ListIssuesRequest request;
  request.set_namespace_(call.request.Query("namespace"));
  return Ask(api, call, request, [](const v1::ListIssuesResponse& done) {
    Json json{{"items", Json::array()}};
    for (const v1::Issue& issue : done.issues()) json["items"].push_back(IssueJson(issue));
    json["overflows"] = done.overflows();
    return JsonResponse(json);
  });
}

}  // namespace weft::api::rest
