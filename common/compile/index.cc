#include "common/compile/index.h"

#include <limits>
#include <tuple>

namespace weft::compile {
namespace {

using resource::Document;
using resource::DocumentPtr;
using resource::Kind;

auto OrderOf(const Document& document) {
  const resource::Metadata& meta = document.metadata;
  const std::int64_t created = meta.created == 0 ? std::numeric_limits<std::int64_t>::max() : meta.created;
  return std::make_tuple(created, std::string_view(meta.ns), std::string_view(meta.name));
}

void Put(std::map<ServiceKey, ByAge>& lists, const std::set<ServiceKey>& keys, const DocumentPtr& document) {
  for (const ServiceKey& key : keys) lists[key].insert(document);
}

void Take(std::map<ServiceKey, ByAge>& lists, const std::set<ServiceKey>& keys, const DocumentPtr& document) {
  for (const ServiceKey& key : keys) {
    const auto list = lists.find(key);
    if (list == lists.end()) continue;
    list->second.erase(document);
    if (list->second.empty()) lists.erase(list);
  }
}

const ByAge& Find(const std::map<ServiceKey, ByAge>& lists, const ServiceKey& key) {
  static const ByAge none;
  const auto list = lists.find(key);
  return list == lists.end() ? none : list->second;
}

}  // namespace

bool Older::operator()(const DocumentPtr& a, const DocumentPtr& b) const { return OrderOf(*a) < OrderOf(*b); }

ServiceKey Index::KeyOf(const Document& document, const std::string& ns, const std::string& name) const {
  return {cluster_, ns.empty() ? document.metadata.ns : ns, name};
}

Index::Named Index::NamedBy(const Document& route) const {
  Named named;
  for (const resource::ParentRef& parent : route.http_route().parents)
    named.parents.insert(KeyOf(route, parent.ns, parent.name));
  for (const resource::HttpRouteRuleSpec& rule : route.http_route().rules) {
    for (const resource::BackendRefSpec& backend : rule.backends)
      named.backends.insert(KeyOf(route, backend.ref.ns, backend.ref.name));
    for (const resource::MirrorSpec& mirror : rule.mirrors)
      named.backends.insert(KeyOf(route, mirror.ref.ns, mirror.ref.name));
  }
  return named;
}

std::set<ServiceKey> Index::TargetsOf(const Document& policy) const {
  std::set<ServiceKey> targets;
  for (const std::string& name : policy.service_policy().targets) targets.insert(KeyOf(policy, {}, name));
  return targets;
}

void Index::Add(const DocumentPtr& document) {
  switch (document->kind) {
    case Kind::kMeshService: services_[KeyOf(*document, {}, document->metadata.name)] = document; break;
    case Kind::kHttpRoute:
    case Kind::kTlsRoute:
    case Kind::kTcpRoute:
    case Kind::kGrpcRoute: {
      const Named named = NamedBy(*document);
      Put(routes_, named.parents, document);
      Put(senders_, named.backends, document);
      break;
    }
    case Kind::kServicePolicy: Put(policies_, TargetsOf(*document), document); break;
    case Kind::kMeshDefaults: defaults_ = document; break;
  }
}

void Index::Remove(const DocumentPtr& document) {
  switch (document->kind) {
    case Kind::kMeshService: services_.erase(KeyOf(*document, {}, document->metadata.name)); break;
    case Kind::kHttpRoute:
    case Kind::kTlsRoute:
    case Kind::kTcpRoute:
    case Kind::kGrpcRoute: {
      const Named named = NamedBy(*document);
      Take(routes_, named.parents, document);
      Take(senders_, named.backends, document);
      break;
    }
    case Kind::kServicePolicy: Take(policies_, TargetsOf(*document), document); break;
    case Kind::kMeshDefaults: defaults_ = nullptr; break;
  }
}

std::set<ServiceKey> Index::TouchedBy(const Document& document) const {
  switch (document.kind) {
    case Kind::kMeshService: {
      const ServiceKey key = KeyOf(document, {}, document.metadata.name);
      std::set<ServiceKey> touched{key};
      for (const DocumentPtr& route : Find(senders_, key)) touched.merge(NamedBy(*route).parents);
      return touched;
    }
    case Kind::kHttpRoute:
    case Kind::kTlsRoute:
    case Kind::kTcpRoute:
    case Kind::kGrpcRoute: return NamedBy(document).parents;
    case Kind::kServicePolicy: return TargetsOf(document);
    case Kind::kMeshDefaults: break;
  }
  return All();
}

std::set<ServiceKey> Index::All() const {
  std::set<ServiceKey> all{Mesh()};
  for (const auto& [key, service] : services_) all.insert(key);
  for (const auto& [key, routes] : routes_) all.insert(key);
  for (const auto& [key, policies] : policies_) all.insert(key);
  return all;
}

const Document* Index::FindService(const ServiceKey& key) const {
  const auto found = services_.find(key);
  return found == services_.end() ? nullptr : found->second.get();
}

const ByAge& Index::RoutesOf(const ServiceKey& parent) const { return Find(routes_, parent); }

const ByAge& Index::PoliciesOf(const ServiceKey& target) const { return Find(policies_, target); }

}  // namespace weft::compile
