// REST of the mesh's CA.
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_read.h"

namespace weft::api::rest {
namespace {

Json RootJson(const v1::MeshRoot& root) {
  Json out{{"fingerprint", root.fingerprint()},
           {"state", root.state()},
           {"notAfter", UtcText(root.not_after_unix_ms())},
           {"issuesFrom", UtcText(root.issues_from_unix_ms())},
           {"external", root.external()}};
  if (root.distrust_unix_ms() != 0) out["trustedUntil"] = UtcText(root.distrust_unix_ms());
  return out;
}

http::Response StateResponse(const v1::IdentityState& state) {
  Json roots = Json::array();
  for (const v1::MeshRoot& root : state.roots()) roots.push_back(RootJson(root));
  return JsonResponse({{"trustDomain", state.trust_domain()},
                       {"certificateLifetime", SpanText(state.certificate_lifetime_ms())},
                       {"roots", std::move(roots)},
                       {"rootsPem", state.roots_pem()},
                       {"joins", state.joins()},
                       {"renewals", state.renewals()},
                       {"refused", state.refused()}});
}

Json TokenJson(const v1::JoinToken& token) {
  Json out{{"id", token.id()},
           {"namespace", token.namespace_()},
           {"service", token.service()},
           {"node", token.node()},
           {"state", token.state()},
           {"creator", token.creator()},
           {"created", UtcText(token.created_unix_ms())},
           {"expires", UtcText(token.expires_unix_ms())},
           {"lastUsed", UtcText(token.used_unix_ms())},
           {"uses", token.uses()},
           {"mostUses", token.most_uses()}};
  if (!token.token().empty()) out["token"] = token.token();
  return out;
}

Json RevocationJson(const v1::Revocation& revocation) {
  return {{"id", revocation.id()},           {"serial", revocation.serial()},
          {"spiffe", revocation.spiffe()},   {"reason", revocation.reason()},
          {"creator", revocation.creator()}, {"created", UtcText(revocation.created_unix_ms())}};
}

}  // namespace

Answer GetIdentity(Api& api, const RestCall& call) {
  return Ask(api, call, v1::GetIdentityRequest(), StateResponse);
}

Answer RotateRoot(Api& api, const RestCall& call) {
  return Ask(api, call, v1::RotateRootRequest(), StateResponse);
}

Answer ListJoinTokens(Api& api, const RestCall& call) {
  v1::ListJoinTokensRequest request;
  request.set_namespace_(call.request.Query("namespace"));
  return Ask(api, call, request, [](const v1::ListJoinTokensResponse& done) {
    Json items = Json::array();
    for (const v1::JoinToken& token : done.tokens()) items.push_back(TokenJson(token));
    return JsonResponse({{"items", std::move(items)}});
  });
}

Answer CreateJoinToken(Api& api, const RestCall& call) {
  auto request = ReadJoinToken(call.request.body);
  if (!request) return request.error();
  return Ask(api, call, *request, [](const v1::JoinToken& token) { return JsonResponse(TokenJson(token)); });
}

Answer RevokeJoinToken(Api& api, const RestCall& call) {
  v1::RevokeJoinTokenRequest request;
  request.set_id(call.Name("id"));
  return Ask(api, call, request, [](const auto&) { return JsonResponse(Json::object()); });
}

Answer Revoke(Api& api, const RestCall& call) {
  auto request = ReadRevocation(call.request.body);
  if (!request) return request.error();
  return Ask(api, call, *request,
             [](const v1::Revocation& done) { return JsonResponse(RevocationJson(done)); });
}

Answer ListRevocations(Api& api, const RestCall& call) {
  return Ask(api, call, v1::ListRevocationsRequest(), [](const v1::ListRevocationsResponse& done) {
    Json items = Json::array();
    for (const v1::Revocation& one : done.revocations()) items.push_back(RevocationJson(one));
    return JsonResponse({{"items", std::move(items)}});
  });
}

Answer TakeBackRevocation(Api& api, const RestCall& call) {
  v1::TakeBackRevocationRequest request;
  request.set_id(call.Name("id"));
  return Ask(api, call, request, [](const auto&) { return JsonResponse(Json::object()); });
}

}  // namespace weft::api::rest
