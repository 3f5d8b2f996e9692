#include "agent/route/table.h"

#include <re2/re2.h>

#include <algorithm>
#include <tuple>

#include "common/random/random.h"

namespace weft::route {

using message::EqualsIgnoreCase;
using message::FieldId;
using message::RequestHead;
using policy::MatchType;

struct Table::Field {
  std::string_view name;
  std::string_view value;
  FieldId id = FieldId::kOther;
  const re2::RE2* regex = nullptr;  // null: exact

  bool Accepts(std::string_view text) const;
  bool MatchesHeader(const RequestHead& head) const;
  bool MatchesQuery(std::string_view query) const;
};

struct Table::Candidate {
  const policy::Route* route = nullptr;
  const policy::RouteRule* rule = nullptr;
  std::string_view hostname;  // empty: any; "*.example.com"
  std::string_view path;      // prefix: without the slash at its end
  std::string_view method;    // empty: any
  const re2::RE2* regex = nullptr;
  std::vector<Field> headers, query;
  std::uint32_t total_weight = 0;
  std::uint32_t tail = 0;  // length of a literal path; zero: none
  char last = 0;           // its last byte
  MatchType type = MatchType::kPrefix;
  std::uint16_t match_index = 0;
  bool never = false;        // its regular expression does not compile
  bool any_service = false;  // of a GRPCRoute: a method alone

  bool Matches(const RequestHead& head, std::string_view host, std::string_view raw_path) const;
  // Settles most candidates with one comparison: the byte where a literal path ends.
  bool MayMatch(std::string_view raw) const {
    return tail == 0 || (raw.size() >= tail && raw[tail - 1] == last);
  }
  bool MatchesPath(std::string_view raw_path) const;
  auto Rank() const;
};

struct Table::Port {
  std::uint16_t port = 0;
  bool routed = false;                // false: no route binds here, the service's own port takes everything
  bool by_host = false;               // some candidate looks at the hostname
  bool by_path = false;               // some candidate looks at the path
  std::vector<Candidate> candidates;  // best first
};

namespace {

constexpr std::int64_t kRegexMemory = 1 << 20;

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

bool FullMatch(std::string_view text, const re2::RE2& regex) {
  return re2::RE2::FullMatch(Piece(text), regex);
}

bool IsWildcard(std::string_view hostname) { return hostname.starts_with("*."); }

// "*.example.com" takes one label or more before ".example.com".
bool HostMatches(std::string_view hostname, std::string_view host) {
  if (hostname.empty()) return true;
  if (!IsWildcard(hostname)) return EqualsIgnoreCase(hostname, host);
  const std::string_view suffix = hostname.substr(1);
  return host.size() > suffix.size() && EqualsIgnoreCase(host.substr(host.size() - suffix.size()), suffix);
}

bool Same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || a.compare(b) == 0);
}

// "." or "..", each dot perhaps written as %2e.
bool IsDotSegment(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty()) {
    const bool encoded =
        segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' && (segment[2] | 0x20) == 'e';
    if (segment[0] != '.' && !encoded) return false;
    segment.remove_prefix(encoded ? 3 : 1);
    ++dots;
  }
  return dots == 1 || dots == 2;
}

// A segment can only be a dot segment when '.' or '%' follows a slash. A loop, because calls of memchr cost
// more than the few bytes between two slashes.
bool HasDotSegment(std::string_view path) {
  for (std::size_t i = 1; i < path.size(); ++i) {
    if (path[i - 1] != '/' || (path[i] != '.' && path[i] != '%')) continue;
    if (IsDotSegment(path.substr(i, path.find('/', i) - i))) return true;
  }
  return false;
}

std::uint32_t TotalWeight(const policy::RouteRule& rule) {
  std::uint32_t total = 0;
  for (const policy::BackendRef& ref : rule.backends) total += ref.weight;
  return total;
}

const policy::BackendRef& Draw(const policy::RouteRule& rule, std::uint32_t total, std::uint64_t number,
                               std::uint64_t seed) {
  if (rule.backends.size() == 1) return rule.backends.front();
  std::uint64_t left = Rng(seed, number).Below(Purpose::kRoute, total);
  for (const policy::BackendRef& ref : rule.backends) {
    if (left < ref.weight) return ref;
    left -= ref.weight;
  }
  return rule.backends.back();
}

Decision Answer(Decision decision, Reason reason) {
  decision.action = Action::kAnswer;
  decision.reason = reason;
  return decision;
}

}  // namespace

bool Table::Field::Accepts(std::string_view text) const {
  return regex ? FullMatch(text, *regex) : Same(text, value);
}

// A field that occurs more than once matches with any of its lines.
bool Table::Field::MatchesHeader(const RequestHead& head) const {
  if (id == FieldId::kHost) return Accepts(head.authority);
  for (const message::Field& field : head.fields) {
    if (field.id != id || !(id != FieldId::kOther || EqualsIgnoreCase(field.name, name))) continue;
    if (Accepts(field.value)) return true;
  }
  return false;
}

// The first parameter of that name decides, as the Gateway API recommends.
bool Table::Field::MatchesQuery(std::string_view query) const {
  while (!query.empty()) {
    const std::string_view item = query.substr(0, query.find('&'));
    const std::size_t equals = std::min(item.find('='), item.size());
    if (item.substr(0, equals) == name) return Accepts(item.substr(std::min(equals + 1, item.size())));
    query.remove_prefix(std::min(item.size() + 1, query.size()));
  }
  return false;
}

bool Table::Candidate::MatchesPath(std::string_view raw) const {
  switch (type) {
    case MatchType::kExact: return Same(raw, path);
    case MatchType::kRegex: return FullMatch(raw, *regex);
    case MatchType::kPrefix: break;
  }
  if (path.empty()) return true;
  return raw.size() >= path.size() && raw.compare(0, path.size(), path) == 0 &&
         (raw.size() == path.size() || raw[path.size()] == '/');
}

bool Table::Candidate::Matches(const RequestHead& head, std::string_view host, std::string_view raw) const {
  return !never && MatchesPath(raw) && (method.empty() || method == head.method_text) &&
         HostMatches(hostname, host) &&
         std::all_of(headers.begin(), headers.end(), [&](const Field& f) { return f.MatchesHeader(head); }) &&
         std::all_of(query.begin(), query.end(),
                     [&](const Field& f) { return f.MatchesQuery(head.query()); });
}

// Greater goes first; ties keep the order of the bundle.
auto Table::Candidate::Rank() const {
  const bool wildcard = IsWildcard(hostname);
  const int path_kind = type == MatchType::kExact ? 2 : type == MatchType::kRegex && !any_service ? 1 : 0;
  return std::tuple(wildcard ? 0 : hostname.size(), hostname.size(), path_kind, any_service ? 1 : path.size(),
                    !method.empty(), headers.size(), query.size());
}

Table::Table(policy::BundlePtr bundle, std::string_view own_ns)
    : bundle_(std::move(bundle)), own_ns_(own_ns) {
  for (const policy::ServicePort& port : bundle_->ports) ports_.push_back(BuildPort(port.port));
  ports_.push_back(BuildPort(0));
}

Table::~Table() = default;
Table::Table(Table&&) noexcept = default;
Table& Table::operator=(Table&&) noexcept = default;

std::vector<const policy::Route*> Table::BindingRoutes(std::uint16_t port, policy::RouteKind kind) const {
  std::vector<const policy::Route*> producers, consumers;
  for (const policy::Route& route : bundle_->routes) {
    const bool asked =
        route.kind == kind || (policy::ReadsRequests(kind) && policy::ReadsRequests(route.kind));
    if (!asked || (route.parent_port != 0 && route.parent_port != port)) continue;
    if (!route.consumer) producers.push_back(&route);
    if (route.consumer && route.ns == own_ns_) consumers.push_back(&route);
  }
  return consumers.empty() ? producers : consumers;
}

Table::Port Table::BuildPort(std::uint16_t port) {
  Port result;
  result.port = port;
  for (const policy::Route* route : BindingRoutes(port, policy::RouteKind::kHttp)) {
    result.routed = true;
    std::vector<std::string_view> hostnames(route->hostnames.begin(), route->hostnames.end());
    if (hostnames.empty()) hostnames.emplace_back();
    for (const std::string_view hostname : hostnames) {
      for (const policy::RouteRule& rule : route->rules) {
        for (std::size_t i = 0; i < rule.matches.size(); ++i) {
          result.candidates.push_back(BuildCandidate(*route, rule, i, hostname));
        }
      }
    }
  }
  std::stable_sort(result.candidates.begin(), result.candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.Rank() > b.Rank(); });
  for (const Candidate& c : result.candidates) {
    result.by_host |= !c.hostname.empty();
    result.by_path |= c.type != MatchType::kPrefix || !c.path.empty();
  }
  return result;
}

Table::Candidate Table::BuildCandidate(const policy::Route& route, const policy::RouteRule& rule,
                                       std::size_t match, std::string_view hostname) {
  const policy::RouteMatch& source = rule.matches[match];
  Candidate c;
  c.route = &route;
  c.rule = &rule;
  c.hostname = hostname;
  c.type = source.path.type;
  c.path = source.path.value;
  if (c.type == MatchType::kPrefix && c.path.ends_with('/')) c.path.remove_suffix(1);
  if (c.type == MatchType::kRegex) c.regex = Regex(source.path.value);
  if (c.type != MatchType::kRegex && !c.path.empty()) {
    c.tail = static_cast<std::uint32_t>(c.path.size());
    c.last = c.path.back();
  }
  c.any_service = route.kind == policy::RouteKind::kGrpc && c.type == MatchType::kRegex &&
                  c.path.starts_with(policy::kAnyGrpcService);
  c.method = source.method;
  c.match_index = static_cast<std::uint16_t>(match);
  c.total_weight = TotalWeight(rule);
  for (const policy::NamedMatch& m : source.headers) c.headers.push_back(BuildField(m));
  for (const policy::NamedMatch& m : source.query) c.query.push_back(BuildField(m));
  const auto broken = [](const re2::RE2* regex) { return regex != nullptr && !regex->ok(); };
  const auto any_broken = [&](const std::vector<Field>& fields) {
    return std::any_of(fields.begin(), fields.end(), [&](const Field& f) { return broken(f.regex); });
  };
  c.never = broken(c.regex) || any_broken(c.headers) || any_broken(c.query);
  return c;
}

Table::Field Table::BuildField(const policy::NamedMatch& match) {
  return {match.name, match.value, message::InternFieldName(match.name),
          match.type == MatchType::kRegex ? Regex(match.value) : nullptr};
}

const re2::RE2* Table::Regex(const std::string& pattern) {
  for (const auto& [known, regex] : regexes_) {
    if (known == pattern) return regex.get();
  }
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(kRegexMemory);
  regexes_.emplace_back(pattern, std::make_unique<re2::RE2>(Piece(pattern), options));
  return regexes_.back().second.get();
}

const Table::Port& Table::PortFor(std::uint16_t port) const {
  for (const Port& p : ports_) {
    if (p.port == port) return p;
  }
  return ports_.back();
}

Decision Table::Match(const RequestHead& head, std::uint16_t port, std::uint64_t number,
                      std::uint64_t seed) const {
  const Port& table = PortFor(port);
  Decision decision;
  if (!table.routed) return decision;
  const std::string_view path = head.path();
  if (table.by_path && HasDotSegment(path)) return Answer(decision, Reason::kBadRequest);
  const std::string_view host = table.by_host ? HostOf(head.authority) : std::string_view();
  const auto found = std::find_if(table.candidates.begin(), table.candidates.end(), [&](const Candidate& c) {
    return c.MayMatch(path) && c.Matches(head, host, path);
  });
  if (found == table.candidates.end()) return Answer(decision, Reason::kNoRoute);
  decision.route = found->route;
  decision.rule = found->rule;
  decision.match_index = found->match_index;
  if (found->rule->redirect) {
    decision.action = Action::kRedirect;
    return decision;
  }
  if (found->total_weight == 0) return Answer(decision, Reason::kNoBackend);
  decision.backend_ref = &Draw(*found->rule, found->total_weight, number, seed);
  return decision.backend_ref->usable ? decision : Answer(decision, Reason::kNoBackend);
}

Decision Table::MatchStream(policy::RouteKind wire, std::string_view server_name, std::uint16_t port,
                            std::uint64_t number, std::uint64_t seed) const {
  std::vector<const policy::Route*> routes;
  if (wire == policy::RouteKind::kTls) routes = BindingRoutes(port, policy::RouteKind::kTls);
  if (routes.empty()) routes = BindingRoutes(port, policy::RouteKind::kTcp);
  Decision decision;
  if (routes.empty()) return decision;
  const policy::Route* best = nullptr;
  std::pair<std::size_t, std::size_t> rank;  // as of Candidate::Rank
  for (const policy::Route* route : routes) {
    for (std::size_t i = 0; i < std::max<std::size_t>(route->hostnames.size(), 1); ++i) {
      const std::string_view host = route->hostnames.empty() ? "" : std::string_view(route->hostnames[i]);
      const std::pair mine{IsWildcard(host) ? 0 : host.size(), host.size()};
      if (!HostMatches(host, server_name) || (best != nullptr && mine <= rank)) continue;
      best = route;
      rank = mine;
    }
  }
  if (best == nullptr || best->rules.empty()) return Answer(decision, Reason::kNoRoute);
  decision.route = best;
  decision.rule = &best->rules.front();
  const std::uint32_t total = TotalWeight(*decision.rule);
  if (total == 0) return Answer(decision, Reason::kNoBackend);
  decision.backend_ref = &Draw(*decision.rule, total, number, seed);
  return decision.backend_ref->usable ? decision : Answer(decision, Reason::kNoBackend);
}

bool DrawMirror(const policy::RouteRule& rule, std::size_t index, std::uint64_t number, std::uint64_t seed) {
  const double fraction = rule.mirrors[index].fraction;
  const double unit = static_cast<double>(Mix(seed, number, Purpose::kMirror, index) >> 11) * 0x1.0p-53;
  return unit < fraction;
}

std::string_view HostOf(std::string_view authority) {
  if (authority.starts_with('['))
    return authority.substr(1, std::min(authority.find(']'), authority.size()) - 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace weft::route
