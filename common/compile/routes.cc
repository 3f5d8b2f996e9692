#include <algorithm>

#include "common/compile/unit.h"

namespace weft::compile {
namespace {

using resource::Document;

std::string RuleField(std::size_t rule) { return "spec.rules[" + std::to_string(rule) + "]"; }

policy::RouteKind KindOf(const Document& document) {
  switch (document.kind) {
    case resource::Kind::kTlsRoute: return policy::RouteKind::kTls;
    case resource::Kind::kTcpRoute: return policy::RouteKind::kTcp;
    case resource::Kind::kGrpcRoute: return policy::RouteKind::kGrpc;
    default: return policy::RouteKind::kHttp;
  }
}

// One route on its way into the bundle of one of its parents.
class RouteCompiler {
 public:
  RouteCompiler(const Index& index, const Policies& policies, const ServiceKey& parent,
                const Document& document, Unit& unit)
      : index_(index), policies_(policies), parent_(parent), document_(document), unit_(unit) {}

  void Attach() {
    std::set<std::uint16_t> attached;
    const std::vector<resource::ParentRef>& parents = document_.http_route().parents;
    for (std::size_t i = 0; i < parents.size(); ++i) {
      if (index_.KeyOf(document_, parents[i].ns, parents[i].name) != parent_) continue;
      const std::optional<std::uint16_t> port =
          ParentPort(parents[i], "spec.parentRefs[" + std::to_string(i) + "]");
      if (port && attached.insert(*port).second) unit_.bundle->routes.push_back(Compile(*port));
    }
  }

 private:
  void Warn(std::string code, std::string field, std::string message) {
    unit_.findings.push_back(
        MakeFinding(false, std::move(code), document_, std::move(field), std::move(message)));
  }

  const resource::MeshServiceSpec* FindService(const ServiceKey& key) const {
    const Document* found = index_.FindService(key);
    return found == nullptr ? nullptr : &found->mesh_service();
  }

  // The port the route is bound to, zero for all; none: it cannot be attached, which was reported.
  std::optional<std::uint16_t> ParentPort(const resource::ParentRef& parent, const std::string& field) {
    const resource::MeshServiceSpec* service = FindService(parent_);
    if (service == nullptr) {
      Warn("NoMatchingParent", field,
           "there is no service " + parent_.ToString() + ": the route does not apply to it");
      return std::nullopt;
    }
    if (parent.port == 0 && parent.section_name.empty()) return 0;
    for (const policy::ServicePort& port : service->ports) {
      const bool by_number = parent.port == 0 || port.port == parent.port;
      const bool by_name = parent.section_name.empty() || port.name == parent.section_name;
      if (by_number && by_name) return port.port;
    }
    Warn("NoMatchingParent", field,
         parent_.ToString() +
             " has no such port: the route does not apply to it; correct port or sectionName");
    return std::nullopt;
  }

  policy::Route Compile(std::uint16_t port) {
    const resource::HttpRouteSpec& spec = document_.http_route();
    policy::Route route;
    route.kind = KindOf(document_);
    route.name = document_.metadata.ns + '/' + document_.metadata.name;
    route.ns = document_.metadata.ns;
    route.parent_port = port;
    route.consumer = route.ns != parent_.ns;
    route.hostnames = spec.hostnames;
    route.created = document_.metadata.created;
    for (std::size_t i = 0; i < spec.rules.size(); ++i) route.rules.push_back(CompileRule(i));
    return route;
  }

  policy::RouteRule CompileRule(std::size_t index) {
    const resource::HttpRouteRuleSpec& spec = document_.http_route().rules[index];
    policy::RouteRule rule;
    rule.name = document_.metadata.ns + '/' + document_.metadata.name + '/' + std::to_string(index);
    rule.matches = spec.matches;
    rule.request_headers = spec.request_headers;
    rule.response_headers = spec.response_headers;
    rule.rewrite_path = spec.rewrite_path;
    rule.rewrite_hostname = spec.rewrite_hostname;
    rule.redirect = spec.redirect;
    CompileTargets(spec, index, rule);
    policy::Merged merged = policies_.ForRule(document_, index);
    rule.timeouts = merged.policy.timeouts;
    rule.retry = merged.policy.retry;
    rule.sources = std::move(merged.sources);
    return rule;
  }

  void CompileTargets(const resource::HttpRouteRuleSpec& spec, std::size_t index, policy::RouteRule& rule) {
    for (std::size_t i = 0; i < spec.backends.size(); ++i) {
      const resource::BackendRefSpec& from = spec.backends[i];
      policy::BackendRef& to = rule.backends.emplace_back();
      to.backend = Key(from.ref);
      to.weight = from.weight;
      to.usable =
          Resolve(from.ref, RuleField(index) + ".backendRefs[" + std::to_string(i) + "]",
                  policy::ReadsRequests(KindOf(document_)) ? "its share of the requests is answered with 500"
                                                           : "its share of the connections is closed");
      to.request_headers = from.request_headers;
      to.response_headers = from.response_headers;
    }
    if (rule.backends.empty() && !rule.redirect) {
      Warn("NoBackend", RuleField(index),
           "has neither backendRefs nor a redirect: its requests are answered with 500");
    }
    for (const resource::MirrorSpec& from : spec.mirrors) {
      if (from.fraction > 0 &&
          Resolve(from.ref, RuleField(index) + ".filters", "nothing is mirrored to it")) {
        rule.mirrors.push_back({Key(from.ref), from.fraction});
      }
    }
  }

  BackendKey Key(const resource::ServiceRef& ref) const {
    return {index_.KeyOf(document_, ref.ns, ref.name), ref.port};
  }

  bool Resolve(const resource::ServiceRef& ref, const std::string& field, const std::string& consequence) {
    if (!ref.granted) {
      Warn("RefNotPermitted", field, "no ReferenceGrant in " + ref.ns + " permits it: " + consequence);
      return false;
    }
    if (!ref.known_kind) {
      Warn("InvalidKind", field, "refers to neither a Service nor a MeshService: " + consequence);
      return false;
    }
    const BackendKey key = Key(ref);
    const resource::MeshServiceSpec* service = FindService(key.service);
    if (service == nullptr) {
      Warn("BackendNotFound", field, "there is no service " + key.service.ToString() + ": " + consequence);
      return false;
    }
    const bool has_port = std::any_of(service->ports.begin(), service->ports.end(),
                                      [&](const policy::ServicePort& port) { return port.port == ref.port; });
    if (!has_port) {
      Warn("BackendNotFound", field,
           key.service.ToString() + " has no port " + std::to_string(ref.port) + ": " + consequence);
    }
    return has_port;
  }

  const Index& index_;
  const Policies& policies_;
  const ServiceKey& parent_;
  const Document& document_;
  Unit& unit_;
};

}  // namespace

void AttachRoutes(const Index& index, const Policies& policies, const ServiceKey& key, Unit& unit) {
  for (const resource::DocumentPtr& document : index.RoutesOf(key))
    RouteCompiler(index, policies, key, *document, unit).Attach();
}

}  // namespace weft::compile
