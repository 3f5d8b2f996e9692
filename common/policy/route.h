#pragma once
// Routing rules after validation: Gateway API 1.6 HTTPRoute, GRPCRoute, TLSRoute and TCPRoute as plain
// values, in the order of precedence in which agent/route tries them. Names are lower case where HTTP does
// not care.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/key.h"
#include "common/policy/policy.h"

namespace weft::policy {

enum class MatchType : std::uint8_t { kExact, kPrefix, kRegex };  // kPrefix: path elements, only for paths

struct PathMatch {
  MatchType type = MatchType::kPrefix;
  std::string value = "/";
};

// How the path of a GRPCRoute's match begins that names a method of any service; any with a service goes
// first.
inline constexpr std::string_view kAnyGrpcService = "/[^/]+/";

struct NamedMatch {  // a header or a query parameter; kPrefix does not occur
  MatchType type = MatchType::kExact;
  std::string name;
  std::string value;
};

struct RouteMatch {
  PathMatch path;
  std::vector<NamedMatch> headers;
  std::vector<NamedMatch> query;
  std::string method;  // empty: any
};

struct HeaderEdit {
  std::string name, value;
};
struct HeaderFilter {  // set, then add, then remove
  std::vector<HeaderEdit> set, add;
  std::vector<std::string> remove;
  bool empty() const { return set.empty() && add.empty() && remove.empty(); }
};

struct PathRewrite {
  bool prefix = false;  // replacePrefixMatch; else replaceFullPath
  std::string value;
};

struct Redirect {
  std::string scheme, hostname;  // empty: the request's
  std::optional<PathRewrite> path;
  std::uint16_t port = 0;      // zero: none written; see the Gateway API rules
  std::uint16_t status = 302;  // 301, 302, 303, 307, 308
};

struct BackendRef {
  BackendKey backend;
  std::uint32_t weight = 1;  // zero: no traffic
  bool usable = true;        // false: unresolved; its share answers 500 no_backend
  HeaderFilter request_headers, response_headers;
};

struct Mirror {
  BackendKey backend;
  double fraction = 1.0;  // (0, 1]
};

struct RouteRule {
  std::string name;                 // "default/cart-route/0": namespace/name/index; stable in metrics
  std::vector<RouteMatch> matches;  // any of; never empty
  HeaderFilter request_headers, response_headers;
  std::optional<PathRewrite> rewrite_path;
  std::string rewrite_hostname;  // empty: none
  std::optional<Redirect> redirect;
  std::vector<Mirror> mirrors;
  std::vector<BackendRef> backends;  // empty and no redirect: 500 no_backend
  Timeouts timeouts;                 // merged for this rule: route > service > mesh > built-in
  Retry retry;                       // merged likewise
  std::vector<FieldSource> sources;  // of timeouts and retry
};

// What a route reads of a connection. kTls: the name that its ClientHello asks for. kTcp: nothing.
// kGrpc: what kHttp reads; its matches are paths, "/service/method".
enum class RouteKind : std::uint8_t { kHttp, kTls, kTcp, kGrpc };
constexpr std::string_view ToString(RouteKind kind) {
  switch (kind) {
    case RouteKind::kHttp: return "HTTPRoute";
    case RouteKind::kTls: return "TLSRoute";
    case RouteKind::kTcp: return "TCPRoute";
    case RouteKind::kGrpc: break;
  }
  return "GRPCRoute";
}

constexpr bool ReadsRequests(RouteKind kind) { return kind == RouteKind::kHttp || kind == RouteKind::kGrpc; }

// All rules of one route that is attached to a service (port). A rule of kTls and kTcp has one match, of
// everything, and backends; the first rule takes all that its route does.
struct Route {
  std::string name;  // namespace/name
  std::string ns;
  std::uint16_t parent_port = 0;       // zero: every port of the service
  bool consumer = false;               // in another namespace than the service: binds only clients of `ns`
  std::vector<std::string> hostnames;  // empty: all; "*.example.com" allowed
  std::int64_t created = 0;            // for ties: older first, then by name
  std::vector<RouteRule> rules;
  RouteKind kind = RouteKind::kHttp;
};

enum class Protocol : std::uint8_t { kDetect, kHttp, kHttp2, kGrpc, kTls, kTcp };

struct ServicePort {
  std::string name;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::kDetect;
  std::uint8_t proxy_protocol = 0;  // 1, 2: relayed connections to instances begin with that header
};

// Ports of protocols in which the server speaks first, or that look like nothing we know (SMTP, MySQL,
// PostgreSQL, Redis, …): opaque unless something else is declared.
constexpr bool IsOpaqueByDefault(std::uint16_t port) {
  for (const int each : {25, 587, 3306, 4444, 5432, 6379, 9300, 11211}) {
    if (port == each) return true;
  }
  return false;
}

// The unit of delivery and of refusal: everything an agent needs about one service, instances aside.
struct ServiceBundle {
  ServiceKey key;
  std::vector<ServicePort> ports;
  std::vector<std::string> addresses;  // virtual IPs that select it in transparent mode; may be empty
  ServicePolicy policy;                // merged: service > mesh > built-in
  std::vector<FieldSource> sources;
  std::vector<Route> routes;  // in the order of precedence of docs/configuration.md
  std::string hash;           // SHA-256 of the canonical wire form, hex; set by common/wire
};
using BundlePtr = std::shared_ptr<const ServiceBundle>;

}  // namespace weft::policy
