#include <re2/re2.h>

#include "common/resource/schema.h"

namespace weft::resource {
namespace {

using policy::MatchType;

constexpr std::array<Choice<bool>, 2> kTypes = {{{"Exact", false}, {"RegularExpression", true}}};
constexpr std::string_view kAnyName = "[^/]+";

// Service "a.b.C" or method "Get"; a service's parts are joined by dots.
void CheckGrpcName(const Value& value, std::string_view name, bool dots) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  bool good = !name.empty() && name.size() <= 1024, begins = true;
  for (const char c : name) {
    good &= letter(c) || (!begins && digit(c)) || (dots && !begins && c == '.');
    begins = c == '.';
  }
  if (!good || begins) {
    value.Fail(dots ? "must be the full name of a service, such as \"shop.v1.Cart\""
                    : "must be the name of a method, such as \"AddItem\"");
  }
}

// A call's path is "/service/method".
policy::PathMatch PathOf(const std::string& service, const std::string& method, bool regex) {
  if (regex) {
    const auto part = [](const std::string& text) {
      return text.empty() ? std::string(kAnyName) : "(?:" + text + ")";
    };
    return {MatchType::kRegex, "/" + part(service) + "/" + part(method)};
  }
  if (method.empty()) return {MatchType::kPrefix, "/" + service};
  if (service.empty())
    return {MatchType::kRegex, std::string(policy::kAnyGrpcService) + RE2::QuoteMeta(method)};
  return {MatchType::kExact, "/" + service + "/" + method};
}

void ReadMethod(MapReader& map, policy::PathMatch& path) {
  bool regex = false;
  map.Optional("type", regex, kTypes);
  std::string service, method;
  const auto read = [&](const char* key, std::string& out, bool dots) {
    const std::optional<Value> value = map.Find(key);
    if (!value || !Read(*value, out)) return;
    if (regex)
      CheckRegex(*value, out);
    else
      CheckGrpcName(*value, out, dots);
  };
  read("service", service, true);
  read("method", method, false);
  if (service.empty() && method.empty()) {
    map.Need("service");
    return;
  }
  path = PathOf(service, method, regex);
}

HttpRouteRuleSpec ReadGrpcRule(const Value& value) {
  HttpRouteRuleSpec rule;
  value.Map([&](MapReader& map) {
    map.Optional("name", rule.name);
    map.List("matches", 64, [&](const Value& item) { rule.matches.push_back(ReadGrpcMatch(item)); });
    if (rule.matches.empty()) rule.matches.emplace_back();
    if (const std::optional<Value> list = map.Find("filters")) {
      Filters filters = ReadRuleFilters(*list);
      if (filters.redirect || filters.rewrite_path || !filters.rewrite_hostname.empty())
        list->Fail(
            "calls of gRPC are neither redirected nor rewritten: remove RequestRedirect and URLRewrite");
      rule.request_headers = std::move(filters.request_headers);
      rule.response_headers = std::move(filters.response_headers);
      rule.mirrors = std::move(filters.mirrors);
    }
    rule.backends = ReadBackends(map);
    map.Reserved("sessionPersistence");
  });
  return rule;
}

}  // namespace

policy::RouteMatch ReadGrpcMatch(const Value& value) {
  policy::RouteMatch match;
  value.Map([&](MapReader& map) {
    map.Map("method", [&](MapReader& method) { ReadMethod(method, match.path); });
    match.headers = ReadHeaderMatches(map);
  });
  return match;
}

HttpRouteSpec ReadGrpcRoute(const Value& spec) {
  HttpRouteSpec out;
  spec.Map([&](MapReader& map) {
    if (const std::optional<Value> parents = map.Need("parentRefs")) ReadParents(*parents, out.parents);
    map.Reserved("useDefaultGateways");
    ReadHostnames(map, out.hostnames);
    map.List("rules", 16, [&](const Value& item) { out.rules.push_back(ReadGrpcRule(item)); });
    if (const std::optional<Value> rules = map.Find("rules")) CheckRules(*rules, out.rules);
    if (out.rules.empty()) out.rules.emplace_back().matches.emplace_back();
  });
  return out;
}

}  // namespace weft::resource
