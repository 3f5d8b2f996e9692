#include <algorithm>
#include <set>

#include "common/compile/set.h"

namespace weft::compile {
namespace {

using resource::Document;

std::string RuleField(std::size_t rule) { return "spec.rules[" + std::to_string(rule) + "]"; }

// One HTTPRoute on its way into bundles.
class RouteCompiler {
 public:
  RouteCompiler(const Inputs& inputs, const DocumentSet& set, const Policies& policies,
                const Document& document, Output& output)
      : inputs_(inputs), set_(set), policies_(policies), document_(document), output_(output) {}

  void Attach() {
    std::set<std::pair<ServiceKey, std::uint16_t>> attached;
    const std::vector<resource::ParentRef>& parents = document_.http_route().parents;
    for (std::size_t i = 0; i < parents.size(); ++i) {
      const ServiceKey key{inputs_.cluster, Namespace(parents[i].ns), parents[i].name};
      const std::optional<std::uint16_t> port =
          ParentPort(parents[i], key, "spec.parentRefs[" + std::to_string(i) + "]");
      if (port && attached.emplace(key, *port).second)
        output_.bundles.at(key).routes.push_back(Compile(key, *port));
    }
  }

 private:
  std::string Namespace(const std::string& written) const {
    return written.empty() ? document_.metadata.ns : written;
  }

  void Warn(std::string code, std::string field, std::string message) {
    output_.findings.push_back(
        MakeFinding(false, std::move(code), document_, std::move(field), std::move(message)));
  }

  const resource::MeshServiceSpec* FindService(const ServiceKey& key) const {
    const auto found = set_.services.find(key);
    return found == set_.services.end() ? nullptr : &found->second->mesh_service();
  }

  // The port the route is bound to, zero for all; none: it cannot be attached, which was reported.
  std::optional<std::uint16_t> ParentPort(const resource::ParentRef& parent, const ServiceKey& key,
                                          const std::string& field) {
    const resource::MeshServiceSpec* service = FindService(key);
    if (service == nullptr) {
      Warn("NoMatchingParent", field,
           "there is no service " + key.ToString() + ": the route does not apply to it");
      return std::nullopt;
    }
    if (parent.port == 0 && parent.section_name.empty()) return 0;
    for (const policy::ServicePort& port : service->ports) {
      const bool by_number = parent.port == 0 || port.port == parent.port;
      const bool by_name = parent.section_name.empty() || port.name == parent.section_name;
      if (by_number && by_name) return port.port;
    }
    Warn("NoMatchingParent", field,
         key.ToString() + " has no such port: the route does not apply to it; correct port or sectionName");
    return std::nullopt;
  }

  policy::Route Compile(const ServiceKey& parent, std::uint16_t port) {
    const resource::HttpRouteSpec& spec = document_.http_route();
    policy::Route route;
    route.name = document_.metadata.ns + '/' + document_.metadata.name;
    route.ns = document_.metadata.ns;
    route.parent_port = port;
    route.consumer = route.ns != parent.ns;
    route.hostnames = spec.hostnames;
    route.created = document_.metadata.created;
    for (std::size_t i = 0; i < spec.rules.size(); ++i) route.rules.push_back(CompileRule(parent, i));
    return route;
  }

  policy::RouteRule CompileRule(const ServiceKey& parent, std::size_t index) {
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
    policy::Merged merged = policies_.ForRule(parent, document_, index);
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
      to.usable = Resolve(from.ref, RuleField(index) + ".backendRefs[" + std::to_string(i) + "]",
                          "its share of the requests is answered with 500");
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
    return {ServiceKey{inputs_.cluster, Namespace(ref.ns), ref.name}, ref.port};
  }

  bool Resolve(const resource::ServiceRef& ref, const std::string& field, const std::string& consequence) {
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

  const Inputs& inputs_;
  const DocumentSet& set_;
  const Policies& policies_;
  const Document& document_;
  Output& output_;
};

}  // namespace

void AttachRoutes(const Inputs& inputs, const DocumentSet& set, const Policies& policies, Output& output) {
  for (const Document* document : set.routes)
    RouteCompiler(inputs, set, policies, *document, output).Attach();
}

}  // namespace weft::compile
