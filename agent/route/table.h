#pragma once
// Which rule of a service's routes takes a request or a connection: Gateway API 1.6 HTTPRoute, TLSRoute and
// TCPRoute as pure functions of the head, of the name in a ClientHello, of nothing.
//
// Precedence over all matches of all routes: longer exact hostname, longer wildcard hostname, none; exact
// path, then regular expression, then longer prefix; a method; more header matches; more query matches; then
// the order of the bundle (older route first, then name), of the rules and of the matches. Sorted once, when
// a table is built. Paths, header values and query parameters are compared as they came: nothing is decoded
// or normalised (docs/decisions.md says what that means for dot segments and %2F).
//
// Thread rule: a table belongs to one worker, because RE2 locks its cache; it borrows nothing but the bundle,
// which it keeps alive. Match allocates nothing (RE2 may, within 1 MiB, while it warms up).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/message/head.h"
#include "common/policy/route.h"
#include "common/reason/reason.h"

namespace re2 {
class RE2;
}

namespace weft::route {

enum class Action : std::uint8_t { kForward, kRedirect, kAnswer };

// The pointers point into the table's bundle. All null and kForward: the service's own port, without a rule.
struct Decision {
  Action action = Action::kForward;
  Reason reason = Reason::kOk;  // of kAnswer: kNoRoute, kNoBackend, kBadRequest
  const policy::Route* route = nullptr;
  const policy::RouteRule* rule = nullptr;
  const policy::BackendRef* backend_ref = nullptr;  // of kForward with a rule
  std::uint16_t match_index = 0;                    // which match of the rule; for prefix rewrites
};

class Table {
 public:
  // Routes of other namespaces than the service's bind only when `own_ns` is theirs, and then replace the
  // service's own routes. A regular expression that RE2 refuses never matches (common/compile refuses it
  // before).
  Table(policy::BundlePtr bundle, std::string_view own_ns);
  ~Table();
  Table(Table&&) noexcept;
  Table& operator=(Table&&) noexcept;

  // `port` is the service port that was addressed; the draw among backendRefs is a function of seed and
  // number.
  Decision Match(const message::RequestHead& head, std::uint16_t port, std::uint64_t number,
                 std::uint64_t seed) const;

  // The same for a connection that is no HTTP. `wire`: kTls when it began with a ClientHello, of which
  // `server_name` is the name, lower case or empty. Where a TLSRoute binds, TLS goes by it: the longest
  // hostname, exact before wildcard, then the oldest; else, and what is not TLS, by the oldest TCPRoute.
  Decision MatchStream(policy::RouteKind wire, std::string_view server_name, std::uint16_t port,
                       std::uint64_t number, std::uint64_t seed) const;

  const policy::ServiceBundle& bundle() const { return *bundle_; }

 private:
  struct Field;      // a header or query match
  struct Candidate;  // one match of one rule under one hostname
  struct Port;

  std::vector<const policy::Route*> BindingRoutes(std::uint16_t port, policy::RouteKind kind) const;
  Port BuildPort(std::uint16_t port);
  Candidate BuildCandidate(const policy::Route& route, const policy::RouteRule& rule, std::size_t match,
                           std::string_view hostname);
  Field BuildField(const policy::NamedMatch& match);
  const re2::RE2* Regex(const std::string& pattern);
  const Port& PortFor(std::uint16_t port) const;

  policy::BundlePtr bundle_;
  std::string own_ns_;
  std::vector<std::pair<std::string, std::unique_ptr<re2::RE2>>> regexes_;  // by pattern, each compiled once
  std::vector<Port> ports_;  // of the bundle; the last one stands for every other port
};

// Whether the request is to be copied to rule.mirrors[index] as well; drawn apart from everything else.
bool DrawMirror(const policy::RouteRule& rule, std::size_t index, std::uint64_t number, std::uint64_t seed);

// Host part of an authority, without port and brackets.
std::string_view HostOf(std::string_view authority);

}  // namespace weft::route
