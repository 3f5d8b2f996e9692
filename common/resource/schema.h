#pragma once
// The schemas of the kinds: each reads the `spec` of its kind and reports what is wrong with it.
// Thread rule: pure functions.

#include "common/resource/document.h"
#include "common/resource/reader.h"

namespace weft::resource {

MeshServiceSpec ReadMeshService(const Value& spec);
HttpRouteSpec ReadHttpRoute(const Value& spec);
HttpRouteSpec ReadGrpcRoute(const Value& spec);
HttpRouteSpec ReadStreamRoute(const Value& spec, bool tls);  // TLSRoute, TCPRoute
ServicePolicySpec ReadServicePolicy(const Value& spec);
MeshDefaultsSpec ReadMeshDefaults(const Value& spec);

// The blocks of a policy ("circuitBreaker", …) and the contradictions among them.
void ReadPolicyBlocks(MapReader& map, policy::PolicySpec& out);

// Parts of a route.
struct Filters {
  policy::HeaderFilter request_headers, response_headers;
  std::optional<policy::PathRewrite> rewrite_path;
  std::string rewrite_hostname;
  std::optional<policy::Redirect> redirect;
  std::vector<MirrorSpec> mirrors;
};
policy::RouteMatch ReadRouteMatch(const Value& value);
policy::RouteMatch ReadGrpcMatch(const Value& value);
// Headers of a match; names compare without case.
std::vector<policy::NamedMatch> ReadHeaderMatches(MapReader& map);
void CheckRegex(const Value& value, const std::string& pattern);  // reports what RE2 does not take
void ReadParents(const Value& list, std::vector<ParentRef>& out);
void ReadHostnames(MapReader& map, std::vector<std::string>& out);
std::vector<BackendRefSpec> ReadBackends(MapReader& rule, bool filters = true);
void CheckRules(const Value& list, const std::vector<HttpRouteRuleSpec>& rules);
Filters ReadRuleFilters(const Value& list);
Filters ReadBackendFilters(const Value& list);  // header filters only
ServiceRef ReadBackendObject(MapReader& map);   // group, kind, namespace, name, port
bool ReadHostname(const Value& value, bool wildcard, std::string& out);
std::string LowerCase(std::string_view text);  // ASCII only
// Whether the name of a header or query parameter is an RFC 9110 token; reported at the key "name" of `item`.
bool CheckToken(const Value& item, std::string_view name);
bool IsDnsName(std::string_view text);  // labels joined by dots, at most 253 characters

}  // namespace weft::resource
