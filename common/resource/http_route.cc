#include <set>

#include "common/net/key.h"
#include "common/resource/schema.h"

namespace weft::resource {
namespace {

constexpr Bounds<std::int64_t> kRefPort = {1, 65535};

bool IsServiceKind(std::string_view group, std::string_view kind) {
  return (group.empty() && kind == "Service") || (group == "weft.dev" && kind == "MeshService");
}

void ReadNames(MapReader& map, std::string& ns, std::string& name) {
  if (const std::optional<Value> value = map.Find("namespace")) ReadDnsLabel(*value, ns, "namespace");
  if (const std::optional<Value> value = map.Need("name")) ReadDnsLabel(*value, name, "name of a service");
}

void ReadRouteTimeouts(MapReader& map, policy::TimeoutsSpec& out) {
  map.Optional("request", out.request);
  map.Optional("backendRequest", out.attempt);
  if (out.request && out.attempt && *out.request > Duration::zero() && *out.attempt > *out.request) {
    map.Find("backendRequest")->Fail("is longer than timeouts.request: shorten it or raise timeouts.request");
  }
}

std::uint32_t RetryBit(std::int64_t code) {
  switch (code) {
    case 429: return policy::kOn429;
    case 500: return policy::kOn500;
    case 502: return policy::kOn502;
    case 503: return policy::kOn503;
    case 504: return policy::kOn504;
    default: return 0;
  }
}

// Codes replace those of the default; what never reached the application is retried in any case.
void ReadRetry(MapReader& map, policy::RetrySpec& out) {
  out.enabled = true;
  map.Optional("attempts", out.attempts, Bounds<std::int64_t>{0, 10});
  out.backoff_is_minimum = map.Optional("backoff", out.backoff);
  if (!map.Has("codes")) return;
  std::uint32_t bits = policy::kOnConnectFailure | policy::kOnReset | policy::kOnAttemptTimeout;
  map.List("codes", 64, [&](const Value& item) {
    std::int64_t code = 0;
    if (!Read(item, code, Bounds<std::int64_t>{400, 599})) return;
    const std::uint32_t bit = RetryBit(code);
    bits |= bit;
    if (bit == 0) out.codes.push_back(static_cast<std::uint16_t>(code));
  });
  out.on = bits;
}

// ReplacePrefixMatch says what to replace by the one prefix that was matched.
void CheckPrefixRewrite(const Value& rule, const HttpRouteRuleSpec& out) {
  const bool prefix = (out.rewrite_path && out.rewrite_path->prefix) ||
                      (out.redirect && out.redirect->path && out.redirect->path->prefix);
  if (prefix && (out.matches.size() != 1 || out.matches[0].path.type != policy::MatchType::kPrefix)) {
    rule.FailAt("filters",
                "ReplacePrefixMatch needs exactly one match in this rule, of path type PathPrefix");
  }
}

HttpRouteRuleSpec ReadRule(const Value& value) {
  HttpRouteRuleSpec rule;
  value.Map([&](MapReader& map) {
    map.Optional("name", rule.name);
    map.List("matches", 64, [&](const Value& item) { rule.matches.push_back(ReadRouteMatch(item)); });
    if (rule.matches.empty()) rule.matches.emplace_back();
    if (const std::optional<Value> list = map.Find("filters")) {
      Filters filters = ReadRuleFilters(*list);
      rule.request_headers = std::move(filters.request_headers);
      rule.response_headers = std::move(filters.response_headers);
      rule.rewrite_path = std::move(filters.rewrite_path);
      rule.rewrite_hostname = std::move(filters.rewrite_hostname);
      rule.redirect = std::move(filters.redirect);
      rule.mirrors = std::move(filters.mirrors);
    }
    rule.backends = ReadBackends(map);
    map.Map("timeouts", [&](MapReader& timeouts) { ReadRouteTimeouts(timeouts, rule.policy.timeouts); });
    map.Map("retry", [&](MapReader& retry) { ReadRetry(retry, rule.policy.retry); });
    map.Reserved("sessionPersistence");
    if (rule.redirect && !rule.backends.empty()) {
      value.FailAt("backendRefs",
                   "a rule that redirects sends nothing on: remove backendRefs or RequestRedirect");
    }
    CheckPrefixRewrite(value, rule);
  });
  return rule;
}

HttpRouteRuleSpec ReadStreamRule(const Value& value) {
  HttpRouteRuleSpec rule;
  rule.matches.emplace_back();
  value.Map([&](MapReader& map) {
    map.Optional("name", rule.name);
    rule.backends = ReadBackends(map, false);
    if (rule.backends.empty()) value.Fail("needs backendRefs: name where its connections go");
  });
  return rule;
}

}  // namespace

// Parents of other kinds belong to other controllers; one of ours must be among them.
void ReadParents(const Value& list, std::vector<ParentRef>& out) {
  list.Each([&](const Value& item) {
    std::string group = "gateway.networking.k8s.io", kind = "Gateway";
    ParentRef parent;
    item.Map([&](MapReader& map) {
      map.Optional("group", group);
      map.Optional("kind", kind);
      ReadNames(map, parent.ns, parent.name);
      map.Optional("sectionName", parent.section_name);
      map.Optional("port", parent.port, kRefPort);
    });
    if (IsServiceKind(group, kind)) {
      out.push_back(std::move(parent));
    } else if (kind == "Service" || kind == "MeshService") {
      item.Fail(kind == "Service" ? "the group of a Service is empty: add group: \"\""
                                  : "the group of a MeshService is weft.dev: add group: weft.dev");
    }
  });
  if (out.empty() && list.node().is_list()) {
    list.Fail(
        "names no service: write {group: \"\", kind: Service, name} or {group: weft.dev, kind: MeshService, "
        "name}; Weft has no Gateways");
  }
}

void ReadHostnames(MapReader& map, std::vector<std::string>& out) {
  map.List("hostnames", 16, [&](const Value& item) {
    std::string host;
    if (ReadHostname(item, true, host)) out.push_back(std::move(host));
  });
}

std::vector<BackendRefSpec> ReadBackends(MapReader& rule, bool filters) {
  std::vector<BackendRefSpec> backends;
  rule.List("backendRefs", 16, [&](const Value& item) {
    BackendRefSpec& backend = backends.emplace_back();
    item.Map([&](MapReader& map) {
      backend.ref = ReadBackendObject(map);
      map.Optional("weight", backend.weight, Bounds<std::int64_t>{0, 1'000'000});
      if (!filters) return;
      if (const std::optional<Value> list = map.Find("filters")) {
        Filters read = ReadBackendFilters(*list);
        backend.request_headers = std::move(read.request_headers);
        backend.response_headers = std::move(read.response_headers);
      }
    });
  });
  return backends;
}

void CheckRules(const Value& list, const std::vector<HttpRouteRuleSpec>& rules) {
  std::set<std::string> names;
  std::size_t matches = 0;
  for (const HttpRouteRuleSpec& rule : rules) {
    matches += rule.matches.size();
    if (!rule.name.empty() && !names.insert(rule.name).second) {
      list.Fail("two rules are called \"" + rule.name + "\": rename one");
    }
  }
  if (matches > 128) list.Fail("at most 128 matches in all rules together: split the route");
}

ServiceRef ReadBackendObject(MapReader& map) {
  std::string group, kind = "Service";
  ServiceRef ref;
  map.Optional("group", group);
  map.Optional("kind", kind);
  if (const std::optional<Value> value = map.Find("namespace")) ReadDnsLabel(*value, ref.ns, "namespace");
  if (map.Required("name", ref.name) && !IsDnsName(ref.name)) {
    map.Find("name")->Fail("\"" + ref.name +
                           "\" is no name of a service: write lower-case letters, digits and '-'");
  }
  ref.granted = group != kUngranted;
  ref.known_kind = IsServiceKind(group, kind);
  if (ref.known_kind) {
    map.Required("port", ref.port, kRefPort);
  } else {
    map.Optional("port", ref.port, kRefPort);
  }
  return ref;
}

HttpRouteSpec ReadHttpRoute(const Value& spec) {
  HttpRouteSpec out;
  spec.Map([&](MapReader& map) {
    if (const std::optional<Value> parents = map.Need("parentRefs")) ReadParents(*parents, out.parents);
    map.Reserved("useDefaultGateways");
    ReadHostnames(map, out.hostnames);
    map.List("rules", 16, [&](const Value& item) { out.rules.push_back(ReadRule(item)); });
    if (const std::optional<Value> rules = map.Find("rules")) CheckRules(*rules, out.rules);
    if (out.rules.empty()) out.rules.emplace_back().matches.emplace_back();
  });
  return out;
}

// Connections say no more than the name in a ClientHello, so a further rule could never take one.
HttpRouteSpec ReadStreamRoute(const Value& spec, bool tls) {
  HttpRouteSpec out;
  spec.Map([&](MapReader& map) {
    if (const std::optional<Value> parents = map.Need("parentRefs")) ReadParents(*parents, out.parents);
    map.Reserved("useDefaultGateways");
    if (tls) {
      map.List("hostnames", 16, [&](const Value& item) {
        std::string host;
        if (ReadHostname(item, true, host)) out.hostnames.push_back(std::move(host));
      });
    }
    const std::optional<Value> rules = map.Need("rules");
    if (!rules) return;
    map.List("rules", 16, [&](const Value& item) { out.rules.push_back(ReadStreamRule(item)); });
    if (rules->node().is_list() && rules->node().items.size() != 1)
      rules->Fail("needs exactly one rule: the first takes every connection; split the route by parentRefs");
  });
  if (out.rules.empty()) out.rules.emplace_back().matches.emplace_back();
  return out;
}

}  // namespace weft::resource
