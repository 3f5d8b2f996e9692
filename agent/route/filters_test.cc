#include "agent/route/filters.h"

#include <gtest/gtest.h>

#include <array>

namespace weft::route {
namespace {

// A rule with one match, and the decision that chose it.
struct Chosen {
  policy::RouteRule rule;
  policy::BackendRef backend;
  Decision decision;

  explicit Chosen(std::string path = "/", policy::MatchType type = policy::MatchType::kPrefix) {
    rule.matches.resize(1);
    rule.matches[0].path = {type, std::move(path)};
    decision.rule = &rule;
    decision.backend_ref = &backend;
  }
};

std::string Rewritten(const std::string& prefix, const std::string& with, std::string_view target) {
  Chosen chosen(prefix);
  chosen.rule.rewrite_path = policy::PathRewrite{true, with};
  std::array<char, 256> memory;
  return std::string(RewriteTarget(chosen.decision, target, memory).value_or("too long"));
}

message::RequestHead Request(std::string_view target, std::string_view authority = "cart:8080") {
  message::RequestHead head;
  head.scheme = "http";
  head.authority = authority;
  head.target = target;
  return head;
}

std::string Location(const policy::Redirect& redirect, std::string_view target, std::uint16_t port = 80,
                     std::string_view authority = "cart") {
  Chosen chosen("/foo");
  chosen.rule.redirect = redirect;
  std::array<char, 256> memory;
  return std::string(
      BuildLocation(chosen.decision, Request(target, authority), port, memory).value_or("too long"));
}

TEST(RewriteTest, ReplacingAPrefixFollowsTheGatewayApisTableOfSlashes) {
  struct Case {
    const char *prefix, *with, *target, *result;
  };
  constexpr Case kCases[] = {
      {"/foo", "/xyz", "/foo/bar", "/xyz/bar"},
      {"/foo", "/xyz/", "/foo/bar", "/xyz/bar"},
      {"/foo/", "/xyz", "/foo/bar", "/xyz/bar"},
      {"/foo/", "/xyz/", "/foo/bar", "/xyz/bar"},
      {"/foo", "/xyz", "/foo", "/xyz"},
      {"/foo", "/xyz", "/foo/", "/xyz/"},
      {"/foo", "", "/foo/bar", "/bar"},
      {"/foo", "", "/foo/", "/"},
      {"/foo", "", "/foo", "/"},
      {"/foo", "/", "/foo/", "/"},
      {"/foo", "/", "/foo", "/"},
      {"/", "/xyz", "/foo", "/xyz/foo"},
      {"/foo", "/", "/foo?a=/foo", "/?a=/foo"},
      {"/foo", "/xyz", "/foo/b?c", "/xyz/b?c"},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(Rewritten(c.prefix, c.with, c.target), c.result) << c.prefix << c.target;
}

TEST(RewriteTest, AFullPathIsReplacedAndTheQueryKept) {
  Chosen chosen("/foo", policy::MatchType::kExact);
  chosen.rule.rewrite_path = policy::PathRewrite{false, "/all"};
  std::array<char, 64> memory;
  EXPECT_EQ(RewriteTarget(chosen.decision, "/foo?x=1", memory), "/all?x=1");
}

TEST(RewriteTest, NothingIsCopiedWhenNothingChanges) {
  Chosen chosen("/foo", policy::MatchType::kExact);
  EXPECT_EQ(RewriteTarget(chosen.decision, "/foo", {}), "/foo");
  chosen.rule.rewrite_path = policy::PathRewrite{true, "/all"};  // of a match that is no prefix
  EXPECT_EQ(RewriteTarget(chosen.decision, "/foo", {}), "/foo");
  EXPECT_EQ(RewriteTarget(Decision{}, "/foo", {}), "/foo");
  EXPECT_EQ(RewriteAuthority(Decision{}, "cart"), "cart");
}

TEST(RewriteTest, AResultThatDoesNotFitIsRefusedWhole) {
  Chosen chosen("/foo");
  chosen.rule.rewrite_path = policy::PathRewrite{true, "/long-prefix"};
  std::array<char, 8> memory;
  EXPECT_EQ(RewriteTarget(chosen.decision, "/foo/bar", memory), std::nullopt);
}

TEST(RewriteTest, TheHostnameReplacesTheAuthority) {
  Chosen chosen;
  chosen.rule.rewrite_hostname = "inner.example.com";
  EXPECT_EQ(RewriteAuthority(chosen.decision, "cart:80"), "inner.example.com");
}

TEST(RedirectTest, TheRequestFillsInWhatTheRuleLeavesOut) {
  EXPECT_EQ(Location({}, "/foo?x=1"), "http://cart/foo?x=1");
  EXPECT_EQ(Location({}, "/foo", 8080, "cart:8080"), "http://cart:8080/foo");
  EXPECT_EQ(Location({}, "/foo", 8080, "[::1]:8080"), "http://[::1]:8080/foo");
}

TEST(RedirectTest, AWrittenSchemeBringsItsWellKnownPort) {
  policy::Redirect redirect;
  redirect.scheme = "https";
  EXPECT_EQ(Location(redirect, "/foo", 8080, "cart:8080"), "https://cart/foo");
  redirect.port = 8443;
  EXPECT_EQ(Location(redirect, "/foo"), "https://cart:8443/foo");
  redirect = {};
  redirect.port = 80;
  EXPECT_EQ(Location(redirect, "/foo", 8080), "http://cart/foo");
}

TEST(RedirectTest, PathsAreReplacedAsInRewrites) {
  policy::Redirect redirect;
  redirect.hostname = "example.com";
  redirect.path = policy::PathRewrite{true, "/xyz/"};
  EXPECT_EQ(Location(redirect, "/foo/bar?q"), "http://example.com/xyz/bar?q");
  redirect.path = policy::PathRewrite{false, "/all"};
  EXPECT_EQ(Location(redirect, "/foo/bar"), "http://example.com/all");
}

TEST(HeaderFilterTest, SetReplacesAddAppendsRemoveRemovesAndTheBackendsFilterFollows) {
  Chosen chosen;
  chosen.rule.request_headers = {{{"x-a", "set"}}, {{"x-b", "2"}}, {"x-c"}};
  chosen.backend.request_headers = {{{"x-a", "backend"}}, {}, {}};
  message::RequestHead head = Request("/");
  for (const char* name : {"X-A", "x-a", "x-b", "X-C"}) head.fields.Add(name, "1", message::FieldId::kOther);
  ASSERT_TRUE(ApplyRequestFilters(chosen.decision, head));
  ASSERT_EQ(head.fields.size(), 3U);
  EXPECT_EQ(head.fields.Find("x-a")->value, "backend");
  EXPECT_EQ(head.fields[1].value, "2");
  EXPECT_EQ(head.fields.Find("x-c"), nullptr);
}

TEST(HeaderFilterTest, FramingIsOutOfReachAndHostMeansTheAuthority) {
  Chosen chosen;
  chosen.rule.request_headers = {
      {{"Content-Length", "0"}, {"Host", "other"}}, {{"Transfer-Encoding", "x"}}, {"te"}};
  message::RequestHead head = Request("/");
  head.fields.Add(message::FieldId::kContentLength, "5");
  head.fields.Add(message::FieldId::kTe, "trailers");
  ASSERT_TRUE(ApplyRequestFilters(chosen.decision, head));
  EXPECT_EQ(head.fields.size(), 2U);
  EXPECT_EQ(head.fields.Find(message::FieldId::kContentLength)->value, "5");
  EXPECT_EQ(head.authority, "other");
}

TEST(HeaderFilterTest, AFullHeadIsReported) {
  Chosen chosen;
  chosen.rule.response_headers = {{}, {{"x-new", "1"}}, {}};
  message::ResponseHead head;
  ASSERT_TRUE(ApplyResponseFilters(chosen.decision, head));
  EXPECT_EQ(head.fields.size(), 1U);
  while (head.fields.Add("x-fill", "1", message::FieldId::kOther)) {
  }
  EXPECT_FALSE(ApplyResponseFilters(chosen.decision, head));
}

}  // namespace
}  // namespace weft::route
