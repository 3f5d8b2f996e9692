#include "agent/route/table.h"

#include <gtest/gtest.h>

#include <map>

namespace weft::route {
namespace {

using policy::MatchType;

policy::BackendRef To(std::string name, std::uint32_t weight = 1) {
  policy::BackendRef ref;
  ref.backend = {{"local", "default", std::move(name)}, 80};
  ref.weight = weight;
  return ref;
}

policy::RouteMatch Path(MatchType type, std::string value) {
  policy::RouteMatch match;
  match.path = {type, std::move(value)};
  return match;
}

policy::RouteRule Rule(std::string name, std::vector<policy::RouteMatch> matches,
                       std::vector<policy::BackendRef> backends = {To("cart")}) {
  policy::RouteRule rule;
  rule.name = std::move(name);
  rule.matches = std::move(matches);
  rule.backends = std::move(backends);
  return rule;
}

policy::Route RouteOf(std::vector<policy::RouteRule> rules, std::vector<std::string> hostnames = {}) {
  policy::Route route;
  route.name = "default/r";
  route.ns = "default";
  route.rules = std::move(rules);
  route.hostnames = std::move(hostnames);
  return route;
}

Table TableOf(std::vector<policy::Route> routes, std::string_view own_ns = "default") {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"http", 80, policy::Protocol::kHttp}, {"alt", 8080, policy::Protocol::kHttp}};
  bundle->routes = std::move(routes);
  return {bundle, own_ns};
}

message::RequestHead Get(std::string_view target, std::string_view authority = "cart") {
  message::RequestHead head;
  head.method_text = "GET";
  head.scheme = "http";
  head.authority = authority;
  head.target = target;
  return head;
}

// Name of the rule that took the request, or the reason why none did.
std::string Taken(const Table& table, const message::RequestHead& head, std::uint16_t port = 80) {
  const Decision decision = table.Match(head, port, 1, 42);
  if (decision.action == Action::kAnswer) return std::string(ToString(decision.reason));
  return decision.rule == nullptr ? "default" : decision.rule->name;
}

TEST(RouteTableTest, AServiceWithoutRoutesTakesEverythingOnItsOwnPort) {
  const Decision decision = TableOf({}).Match(Get("/x"), 80, 1, 42);
  EXPECT_EQ(decision.action, Action::kForward);
  EXPECT_EQ(decision.rule, nullptr);
}

TEST(RouteTableTest, RoutesThatDoNotMatchAnswerNoRoute) {
  const Table table = TableOf({RouteOf({Rule("a", {Path(MatchType::kExact, "/a")})})});
  EXPECT_EQ(Taken(table, Get("/b")), "no_route");
  EXPECT_EQ(Taken(table, Get("/a?x=1")), "a");
}

TEST(RouteTableTest, APrefixMatchesWholeElements) {
  const Table table = TableOf({RouteOf({Rule("p", {Path(MatchType::kPrefix, "/foo")})})});
  for (const char* yes : {"/foo", "/foo/", "/foo/bar", "/foo?q"})
    EXPECT_EQ(Taken(table, Get(yes)), "p") << yes;
  for (const char* no : {"/foobar", "/fo", "/", "/Foo"}) EXPECT_EQ(Taken(table, Get(no)), "no_route") << no;
}

TEST(RouteTableTest, ASlashAtTheEndOfAPrefixMeansNothing) {
  const Table table = TableOf({RouteOf({Rule("p", {Path(MatchType::kPrefix, "/foo/")})})});
  EXPECT_EQ(Taken(table, Get("/foo")), "p");
  EXPECT_EQ(Taken(table, Get("/foo/x")), "p");
}

TEST(RouteTableTest, ExactBeatsRegexBeatsLongerPrefixBeatsShorterPrefix) {
  const Table table = TableOf({RouteOf({Rule("root", {Path(MatchType::kPrefix, "/")}),
                                        Rule("short", {Path(MatchType::kPrefix, "/a")}),
                                        Rule("long", {Path(MatchType::kPrefix, "/a/b")}),
                                        Rule("regex", {Path(MatchType::kRegex, "/a/b/[0-9]+")}),
                                        Rule("exact", {Path(MatchType::kExact, "/a/b/7")})})});
  EXPECT_EQ(Taken(table, Get("/a/b/7")), "exact");
  EXPECT_EQ(Taken(table, Get("/a/b/8")), "regex");
  EXPECT_EQ(Taken(table, Get("/a/b/x")), "long");
  EXPECT_EQ(Taken(table, Get("/a/x")), "short");
  EXPECT_EQ(Taken(table, Get("/x")), "root");
}

TEST(RouteTableTest, MorePreciseMatchesGoFirstAcrossRoutes) {
  policy::RouteMatch with_header = Path(MatchType::kPrefix, "/a");
  with_header.headers = {{MatchType::kExact, "x-beta", "1"}};
  policy::RouteMatch with_method = Path(MatchType::kPrefix, "/a");
  with_method.method = "GET";
  const Table table =
      TableOf({RouteOf({Rule("plain", {Path(MatchType::kPrefix, "/a")})}),
               RouteOf({Rule("header", {with_header})}), RouteOf({Rule("method", {with_method})})});
  message::RequestHead head = Get("/a");
  head.fields.Add("X-Beta", "1", message::FieldId::kOther);
  EXPECT_EQ(Taken(table, head), "method");
  head.method_text = "POST";
  EXPECT_EQ(Taken(table, head), "header");
  EXPECT_EQ(Taken(table, Get("/b")), "no_route");
}

TEST(RouteTableTest, TiesKeepTheOrderOfTheBundle) {
  const Table table = TableOf({RouteOf({Rule("first", {Path(MatchType::kPrefix, "/")})}),
                               RouteOf({Rule("second", {Path(MatchType::kPrefix, "/")})})});
  EXPECT_EQ(Taken(table, Get("/")), "first");
}

TEST(RouteTableTest, RegularExpressionsMatchTheWholePath) {
  const Table table = TableOf({RouteOf({Rule("r", {Path(MatchType::kRegex, "/v[0-9]")})})});
  EXPECT_EQ(Taken(table, Get("/v1")), "r");
  EXPECT_EQ(Taken(table, Get("/v1/x")), "no_route");
  EXPECT_EQ(Taken(table, Get("/av1")), "no_route");
}

TEST(RouteTableTest, ARefusedRegularExpressionNeverMatches) {
  const Table table = TableOf({RouteOf({Rule("r", {Path(MatchType::kRegex, "(")})})});
  EXPECT_EQ(Taken(table, Get("/(")), "no_route");
}

TEST(RouteTableTest, AllHeaderConditionsMustHoldAndAnyLineOfAFieldMayMatch) {
  policy::RouteMatch match;
  match.headers = {{MatchType::kExact, "x-a", "1"}, {MatchType::kRegex, "x-b", "[a-z]+"}};
  const Table table = TableOf({RouteOf({Rule("h", {match})})});
  message::RequestHead head = Get("/");
  head.fields.Add("X-A", "0", message::FieldId::kOther);
  head.fields.Add("x-a", "1", message::FieldId::kOther);
  EXPECT_EQ(Taken(table, head), "no_route");
  head.fields.Add("X-B", "abc", message::FieldId::kOther);
  EXPECT_EQ(Taken(table, head), "h");
}

TEST(RouteTableTest, AHostHeaderConditionLooksAtTheAuthority) {
  policy::RouteMatch match;
  match.headers = {{MatchType::kExact, "host", "cart:80"}};
  const Table table = TableOf({RouteOf({Rule("h", {match})})});
  EXPECT_EQ(Taken(table, Get("/", "cart:80")), "h");
  EXPECT_EQ(Taken(table, Get("/", "cart")), "no_route");
}

TEST(RouteTableTest, TheFirstQueryParameterOfANameDecides) {
  policy::RouteMatch match;
  match.query = {{MatchType::kExact, "a", "1"}, {MatchType::kExact, "empty", ""}};
  const Table table = TableOf({RouteOf({Rule("q", {match})})});
  EXPECT_EQ(Taken(table, Get("/?empty&a=1&a=2")), "q");
  EXPECT_EQ(Taken(table, Get("/?empty=&a=2&a=1")), "no_route");
  EXPECT_EQ(Taken(table, Get("/?a=1")), "no_route");
  EXPECT_EQ(Taken(table, Get("/?ba=1&empty")), "no_route");
}

TEST(RouteTableTest, ALongerHostnameGoesFirstAndAWildcardTakesOneLabelOrMore) {
  const Table table =
      TableOf({RouteOf({Rule("any", {Path(MatchType::kExact, "/x")})}),
               RouteOf({Rule("wild", {Path(MatchType::kPrefix, "/")})}, {"*.example.com"}),
               RouteOf({Rule("wilder", {Path(MatchType::kPrefix, "/")})}, {"*.b.example.com"}),
               RouteOf({Rule("exact", {Path(MatchType::kPrefix, "/")})}, {"a.example.com"})});
  EXPECT_EQ(Taken(table, Get("/x", "A.example.com:80")), "exact");
  EXPECT_EQ(Taken(table, Get("/x", "z.example.com")), "wild");
  EXPECT_EQ(Taken(table, Get("/x", "a.b.example.com")), "wilder");
  EXPECT_EQ(Taken(table, Get("/x", "example.com")), "any");
  EXPECT_EQ(Taken(table, Get("/y", "example.com")), "no_route");
}

TEST(RouteTableTest, AParentPortLimitsARouteToThatPort) {
  policy::Route route = RouteOf({Rule("p", {Path(MatchType::kPrefix, "/")})});
  route.parent_port = 8080;
  const Table table = TableOf({route});
  EXPECT_EQ(Taken(table, Get("/"), 8080), "p");
  EXPECT_EQ(Taken(table, Get("/"), 80), "default");
  EXPECT_EQ(Taken(table, Get("/"), 9999), "default");
}

TEST(RouteTableTest, ConsumerRoutesReplaceTheServicesOwnForClientsOfTheirNamespaceOnly) {
  policy::Route consumer = RouteOf({Rule("consumer", {Path(MatchType::kExact, "/c")})});
  consumer.consumer = true;
  consumer.ns = "shop";
  const policy::Route producer = RouteOf({Rule("producer", {Path(MatchType::kPrefix, "/")})});
  const Table inside = TableOf({producer, consumer}, "shop");
  EXPECT_EQ(Taken(inside, Get("/c")), "consumer");
  EXPECT_EQ(Taken(inside, Get("/")), "no_route");
  EXPECT_EQ(Taken(TableOf({producer, consumer}, "other"), Get("/c")), "producer");
  EXPECT_EQ(Taken(TableOf({consumer}, "other"), Get("/c")), "default");
}

TEST(RouteTableTest, WeightsDivideRequestsAndTheSameNumberDrawsTheSameBackend) {
  const Table table = TableOf(
      {RouteOf({Rule("w", {Path(MatchType::kPrefix, "/")}, {To("a", 9), To("b", 1), To("never", 0)})})});
  std::map<std::string, int> drawn;
  for (std::uint64_t n = 1; n <= 10000; ++n) {
    const Decision decision = table.Match(Get("/"), 80, n, 42);
    EXPECT_EQ(decision.backend_ref, table.Match(Get("/"), 80, n, 42).backend_ref);
    ++drawn[decision.backend_ref->backend.service.name];
  }
  EXPECT_NEAR(drawn["a"], 9000, 150);
  EXPECT_EQ(drawn["a"] + drawn["b"], 10000);
}

TEST(RouteTableTest, TheShareOfAnUnusableBackendAnswersNoBackend) {
  policy::BackendRef missing = To("missing", 1);
  missing.usable = false;
  const Table table = TableOf({RouteOf({Rule("w", {Path(MatchType::kPrefix, "/")}, {To("a", 1), missing})})});
  int refused = 0;
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    refused += table.Match(Get("/"), 80, n, 42).reason == Reason::kNoBackend;
  }
  EXPECT_NEAR(refused, 500, 60);
}

TEST(RouteTableTest, ARuleWithoutBackendsOrWithoutWeightAnswersNoBackend) {
  EXPECT_EQ(Taken(TableOf({RouteOf({Rule("w", {Path(MatchType::kPrefix, "/")}, {})})}), Get("/")),
            "no_backend");
  EXPECT_EQ(Taken(TableOf({RouteOf({Rule("w", {Path(MatchType::kPrefix, "/")}, {To("a", 0)})})}), Get("/")),
            "no_backend");
}

TEST(RouteTableTest, DotSegmentsAreRefusedWhereAPathDecidesAndEncodedSlashesAreData) {
  const Table table = TableOf({RouteOf({Rule("p", {Path(MatchType::kPrefix, "/a")})})});
  for (const char* bad : {"/a/..", "/a/../b", "/a/./b", "/a/%2e%2E/b", "/a/.%2e", "/.", "/../a"}) {
    EXPECT_EQ(Taken(table, Get(bad)), "bad_request") << bad;
  }
  for (const char* good :
       {"/a/...", "/a/.b", "/a/..b", "/a/%2e%2e%2e", "/a/b%2f..", "/a//b", "/a/x?y=/../", "/a/%41"}) {
    EXPECT_EQ(Taken(table, Get(good)), "p") << good;
  }
  EXPECT_EQ(Taken(TableOf({RouteOf({Rule("all", {Path(MatchType::kPrefix, "/")})})}), Get("/a/../b")), "all");
}

TEST(RouteTableTest, TheAsteriskFormMatchesOnlyWherePathsDoNotMatter) {
  EXPECT_EQ(Taken(TableOf({RouteOf({Rule("all", {Path(MatchType::kPrefix, "/")})})}), Get("*")), "all");
  EXPECT_EQ(Taken(TableOf({RouteOf({Rule("a", {Path(MatchType::kPrefix, "/a")})})}), Get("*")), "no_route");
}

TEST(RouteTableTest, MirrorsTakeTheirFraction) {
  policy::RouteRule rule = Rule("m", {Path(MatchType::kPrefix, "/")});
  rule.mirrors = {{To("shadow").backend, 0.25}, {To("all").backend, 1.0}};
  int quarter = 0, all = 0;
  for (std::uint64_t n = 1; n <= 10000; ++n) {
    quarter += DrawMirror(rule, 0, n, 42);
    all += DrawMirror(rule, 1, n, 42);
  }
  EXPECT_NEAR(quarter, 2500, 150);
  EXPECT_EQ(all, 10000);
}

TEST(RouteTableTest, TheHostOfAnAuthorityHasNeitherPortNorBrackets) {
  EXPECT_EQ(HostOf("cart:80"), "cart");
  EXPECT_EQ(HostOf("[::1]:80"), "::1");
  EXPECT_EQ(HostOf("[::1"), "::1");
  EXPECT_EQ(HostOf(""), "");
}

TEST(RouteTableTest, AGrpcRoutePrefersTheServiceToTheMethod) {
  const auto rule = [](const std::string& to, policy::MatchType type, const std::string& path) {
    policy::RouteMatch match;
    match.path = {type, path};
    return Rule(to, {match}, {To(to)});
  };
  using policy::MatchType;
  policy::Route route = RouteOf(
      {rule("all", MatchType::kPrefix, "/"), rule("method", MatchType::kRegex, "/[^/]+/GetEverythingThereIs"),
       rule("service", MatchType::kPrefix, "/a.B"), rule("pattern", MatchType::kRegex, "/(?:a.*)/(?:List)"),
       rule("both", MatchType::kExact, "/a.B/Get")});
  route.kind = policy::RouteKind::kGrpc;
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"grpc", 80, policy::Protocol::kGrpc, 0}};
  bundle->routes = {route};
  const Table table(bundle, "default");
  const auto to = [&](std::string_view path) {
    message::RequestHead head;
    head.method_text = "POST";
    head.method = message::Method::kPost;
    head.authority = "cart";
    head.target = path;
    return table.Match(head, 80, 1, 1).backend_ref->backend.service.name;
  };
  EXPECT_EQ(to("/a.B/Get"), "both");
  EXPECT_EQ(to("/a.B/List"), "pattern");
  EXPECT_EQ(to("/a.B/GetEverythingThereIs"), "service");
  EXPECT_EQ(to("/c.D/GetEverythingThereIs"), "method");
  EXPECT_EQ(to("/c.D/Other"), "all");
}

policy::Route StreamRoute(policy::RouteKind kind, const std::string& to,
                          std::vector<std::string> hostnames = {}) {
  policy::Route route = RouteOf({Rule("r/" + to, {{}}, {To(to)})}, std::move(hostnames));
  route.kind = kind;
  return route;
}

TEST(StreamTableTest, TlsGoesByTheNameItAsksForAndElseAsTcpDoes) {
  using policy::RouteKind;
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->key = {"local", "default", "cart"};
  bundle->ports = {{"a", 443, policy::Protocol::kTls, 0}, {"b", 5000, policy::Protocol::kTcp, 0}};
  bundle->routes = {StreamRoute(RouteKind::kTls, "wild", {"*.example.com"}),
                    StreamRoute(RouteKind::kTls, "exact", {"shop.example.com"}),
                    StreamRoute(RouteKind::kTls, "deeper", {"*.eu.example.com"}),
                    StreamRoute(RouteKind::kTcp, "oldest"),
                    StreamRoute(RouteKind::kTcp, "younger"),
                    StreamRoute(RouteKind::kHttp, "http")};
  for (policy::Route& route : bundle->routes) {
    if (route.kind == RouteKind::kTls) route.parent_port = 443;
  }
  const Table table(bundle, "default");
  const auto to = [&](RouteKind wire, std::string_view name, std::uint16_t port) -> std::string {
    const Decision decision = table.MatchStream(wire, name, port, 1, 1);
    return decision.backend_ref == nullptr ? std::string(ToString(decision.reason))
                                           : decision.backend_ref->backend.service.name;
  };
  EXPECT_EQ(to(RouteKind::kTls, "shop.example.com", 443), "exact");
  EXPECT_EQ(to(RouteKind::kTls, "other.example.com", 443), "wild");
  EXPECT_EQ(to(RouteKind::kTls, "a.eu.example.com", 443), "deeper");
  EXPECT_EQ(to(RouteKind::kTls, "example.org", 443), "no_route");
  EXPECT_EQ(to(RouteKind::kTls, "", 443), "no_route") << "each route asks for a name";
  EXPECT_EQ(to(RouteKind::kTls, "shop.example.com", 5000), "oldest") << "no TLSRoute binds there";
  EXPECT_EQ(to(RouteKind::kTcp, "", 5000), "oldest");
  EXPECT_EQ(to(RouteKind::kTcp, "", 443), "oldest");
  bundle->routes.resize(0);
  const Table none(bundle, "default");
  const Decision own = none.MatchStream(RouteKind::kTcp, "", 5000, 1, 1);
  EXPECT_TRUE(own.action == Action::kForward && own.rule == nullptr);
}

TEST(StreamTableTest, ConnectionsAreDrawnByWeight) {
  auto bundle = std::make_shared<policy::ServiceBundle>();
  bundle->ports = {{"a", 5000, policy::Protocol::kTcp, 0}};
  policy::Route route = StreamRoute(policy::RouteKind::kTcp, "x");
  route.rules[0].backends = {To("v1", 9), To("v2", 1), To("v3", 0)};
  bundle->routes = {route};
  const Table table(bundle, "default");
  std::map<std::string, int> drawn;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    ++drawn[table.MatchStream(policy::RouteKind::kTcp, "", 5000, i, 7).backend_ref->backend.service.name];
  }
  EXPECT_NEAR(drawn["v1"], 9000, 150);
  EXPECT_NEAR(drawn["v2"], 1000, 150);
  EXPECT_EQ(drawn.count("v3"), 0U);
}

}  // namespace
}  // namespace weft::route
