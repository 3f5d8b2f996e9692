#pragma once
// Resources: Kubernetes envelopes, from YAML or JSON, checked and typed by the schema of their kind. Every
// problem of a text is reported, with its place and field; one bad document does not hide the others. Thread
// rule: pure functions and plain values.

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/net/address.h"
#include "common/policy/route.h"
#include "common/policy/spec.h"
#include "common/resource/node.h"
#include "common/result/result.h"

namespace weft::resource {

enum class Kind : std::uint8_t {
  kMeshService,
  kHttpRoute,
  kServicePolicy,
  kMeshDefaults,
  kTlsRoute,
  kTcpRoute,
  kGrpcRoute
};
inline constexpr std::array kKinds = {Kind::kMeshService,  Kind::kHttpRoute, Kind::kServicePolicy,
                                      Kind::kMeshDefaults, Kind::kTlsRoute,  Kind::kTcpRoute,
                                      Kind::kGrpcRoute};
std::string_view ToString(Kind kind);    // "MeshService", "HTTPRoute", …
std::string_view Plural(Kind kind);      // "httproutes"
std::string_view ApiVersion(Kind kind);  // "weft.dev/v1", "gateway.networking.k8s.io/v1"
bool IsNamespaced(Kind kind);            // MeshDefaults is not
// Also the plural and lower case: "httproutes". A reserved kind is kUnsupported, another kNotFound.
Result<Kind> ParseKind(std::string_view text);

struct Metadata {
  std::string name;
  std::string ns;  // empty for kinds without namespace
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  std::string uid;
  std::int64_t created = 0;  // creationTimestamp, seconds since 1970; zero: not given
};

// MeshService: a registry entry off-cluster.
struct InstanceSpec {
  std::string id;
  net::Ip address;
  std::uint16_t port = 0;  // of every port that `ports` does not name; zero: the service's port
  std::map<std::string, std::uint16_t> ports;  // by port name
  std::uint32_t weight = 1;                    // zero: drained by weight
  std::string zone;
  std::map<std::string, std::string> labels;
  bool meshed = false, http2 = false, mtls = false;  // capabilities
};
struct MeshServiceSpec {
  std::vector<policy::ServicePort> ports;
  std::vector<std::string> addresses;  // virtual IPs that select it in transparent mode
  std::vector<InstanceSpec> instances;
};

// HTTPRoute, GRPCRoute, TLSRoute and TCPRoute, Gateway API 1.6; the latter two say little. References keep
// what was written; common/compile resolves them.
struct ParentRef {
  std::string ns;  // empty: the route's
  std::string name;
  std::string section_name;  // a port's name; empty: any
  std::uint16_t port = 0;    // zero: any
};
struct ServiceRef {
  std::string ns;  // empty: the route's
  std::string name;
  std::uint16_t port = 0;
  bool known_kind = true;  // false: a group or kind that Weft does not know; never resolves
  bool granted = true;     // false: the group says that it may not be referred to (kUngranted); likewise
};
// The group of a reference into another namespace that nobody there has granted.
inline constexpr std::string_view kUngranted = "ungranted.weft.dev";

struct BackendRefSpec {
  ServiceRef ref;
  std::uint32_t weight = 1;
  policy::HeaderFilter request_headers, response_headers;
};
struct MirrorSpec {
  ServiceRef ref;
  double fraction = 1.0;  // zero: never
};
struct HttpRouteRuleSpec {
  std::string name;
  std::vector<policy::RouteMatch> matches;  // never empty: none written means every request
  policy::HeaderFilter request_headers, response_headers;
  std::optional<policy::PathRewrite> rewrite_path;
  std::string rewrite_hostname;
  std::optional<policy::Redirect> redirect;
  std::vector<MirrorSpec> mirrors;
  std::vector<BackendRefSpec> backends;
  policy::PolicySpec policy;  // timeouts and retry only
};
struct HttpRouteSpec {
  std::vector<ParentRef> parents;
  std::vector<std::string> hostnames;    // lower case
  std::vector<HttpRouteRuleSpec> rules;  // never empty
};

struct ServicePolicySpec {
  std::vector<std::string> targets;  // names of services in the policy's own namespace; never empty
  policy::PolicySpec policy;
};
struct MeshDefaultsSpec {
  policy::PolicySpec policy;
};

struct Document {
  Kind kind = Kind::kMeshService;
  Metadata metadata;
  std::variant<MeshServiceSpec, HttpRouteSpec, ServicePolicySpec, MeshDefaultsSpec>
      spec;                          // a route of any kind is a HttpRouteSpec
  std::string json;                  // canonical: keys sorted, scalars typed, no status; without a newline
  std::string file;                  // as given to ParseDocuments
  std::shared_ptr<const Node> tree;  // what `json` was made from, with places

  const MeshServiceSpec& mesh_service() const { return std::get<MeshServiceSpec>(spec); }
  bool is_route() const { return std::holds_alternative<HttpRouteSpec>(spec); }
  const HttpRouteSpec& http_route() const { return std::get<HttpRouteSpec>(spec); }
  const ServicePolicySpec& service_policy() const { return std::get<ServicePolicySpec>(spec); }
  const MeshDefaultsSpec& mesh_defaults() const { return std::get<MeshDefaultsSpec>(spec); }

  std::string Name() const;  // "HTTPRoute default/cart", "MeshDefaults default"
  // "mesh.yaml:12:5" of a field ("spec.rules[0].backendRefs[1]"), or of the nearest parent that exists;
  // Name() when the document came from no file.
  std::string Where(std::string_view field) const;
};
using DocumentPtr = std::shared_ptr<const Document>;

struct ParseOptions {
  std::string default_namespace = "default";  // of a document that names none
};
struct Parsed {
  std::vector<DocumentPtr> documents;  // those without problems, in the order of the text
  std::vector<Error> errors;           // where "file:line:column", field "spec.rules[0].matches[1].path"
  bool empty_list = false;             // a `kind: List` of nothing was there: no documents, and none meant
  bool ok() const { return errors.empty(); }
};

// YAML or JSON, one or several documents, also a `kind: List`. At most 16 MiB, 1 MiB per document, 32 levels
// deep, 100 problems. `file` is for messages only; empty: places are "line:column".
Parsed ParseDocuments(std::string_view text, const std::string& file, const ParseOptions& options = {});

// The same document with a `metadata.creationTimestamp`; it must have none yet.
DocumentPtr WithCreationTime(const Document& document, std::int64_t unix_seconds);

// For `get -o json|yaml`: indented by two, ends with a newline. Both parse back to the same document.
std::string ToPrettyJson(const Document& document);
std::string ToYaml(const Document& document);

}  // namespace weft::resource
