// Taking over snapshots: generations, and the merge of their endpoints into what this worker already knows.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "agent/engine/impl.h"
#include "agent/engine/snapshot_text.h"

namespace weft::engine {
namespace {

constexpr std::size_t kMostInbound = 1024;  // ports of the workload; further ones share a backend

const policy::ServicePolicy& BuiltIn() {
  static const policy::ServicePolicy policy;
  return policy;
}

net::Address AddressOf(const snapshot::Instance& instance, const policy::ServicePort& port) {
  const auto named = instance.ports.find(port.name);
  return {instance.address.ip, named == instance.ports.end() ? instance.address.port : named->second};
}

// An instance that moved is another target: connections to where it was must not be used again.
Target* FindTarget(Backend& backend, std::uint64_t hash, const net::Address& address) {
  auto at = std::lower_bound(backend.targets.begin(), backend.targets.end(), hash,
                             [](const auto& target, std::uint64_t h) { return target->hash < h; });
  for (; at != backend.targets.end() && (*at)->hash == hash; ++at) {
    if ((*at)->address == address) return at->get();
  }
  return nullptr;
}

// Where its port is of HTTP in whatever version: those of HTTP2 and GRPC are shared anyway.
bool IsMultiplexed(const snapshot::Capabilities& capable, policy::Protocol port) {
  const bool any = port == policy::Protocol::kHttp || port == policy::Protocol::kDetect;
  return any && capable.meshed && capable.http2;
}

void TakeCapabilities(Target& target, policy::Protocol port) {
  const snapshot::Capabilities& capable = target.instance->capabilities;
  target.meshed = capable.meshed;
  target.mtls = capable.mtls;
  target.multiplexed = IsMultiplexed(capable, port);
}

InstanceState DeclaredState(const snapshot::Instance& instance) {
  switch (instance.declared) {
    case snapshot::Declared::kUnhealthy: return InstanceState::kUnhealthy;
    case snapshot::Declared::kDegraded: return InstanceState::kDegraded;
    case snapshot::Declared::kUnknown:
    case snapshot::Declared::kHealthy: break;
  }
  return InstanceState::kHealthy;
}

bool InService(InstanceState state) {
  return state == InstanceState::kHealthy || state == InstanceState::kDegraded;
}

// An instance that was away comes back as a new one, whether or not the pool still held on to the old one.
void StartOver(Target& target) {
  select::Node fresh;
  fresh.in_flight = target.node.in_flight;
  target.node = fresh;
  if (!target.health) return;
  const std::uint32_t confirming = target.health->confirming;
  *target.health = {};
  target.health->confirming = confirming;
}

std::string SourcesText(const std::vector<policy::FieldSource>& sources) {
  std::string text;
  for (const policy::FieldSource& s : sources) text += (text.empty() ? "" : "; ") + s.field + ": " + s.source;
  return text;
}

Target& AddTarget(Backend& backend, std::uint64_t hash, const net::Address& address, Shared& shared) {
  auto target = std::make_unique<Target>();
  target->hash = hash;
  target->address = address;
  target->shared = shared.Instance(hash, address.port);
  target->backend = &backend;
  const auto at = std::lower_bound(backend.targets.begin(), backend.targets.end(), hash,
                                   [](const auto& t, std::uint64_t h) { return t->hash < h; });
  return **backend.targets.insert(at, std::move(target));
}

}  // namespace

const policy::ServicePort* FindPort(const policy::ServiceBundle& bundle, std::uint16_t port) {
  for (const policy::ServicePort& p : bundle.ports) {
    if (p.port == port) return &p;
  }
  return nullptr;
}

Generation::Generation() = default;
Generation::~Generation() = default;
Target::Target() = default;
Target::~Target() = default;
Backend::Backend() = default;
Backend::~Backend() = default;

void Engine::Impl::Install(snapshot::SnapshotPtr snapshot, TimePoint now) {
  installed = now;
  if (current != nullptr) current->current = false;
  auto generation = std::make_unique<Generation>();
  generation->revision = snapshot->version.revision;
  generation->serial = ++snapshots;
  generation->snapshot = std::move(snapshot);
  current = generation.get();
  generations.push_back(std::move(generation));
  cache.fill({});
  key_cache.fill({});
  ReleaseGenerations();
  caps_routes = false;
  for (const auto& backend : backends) {
    if (backend->inbound) {
      UpdateInbound(*backend);
      continue;
    }
    backend->state->MarkGone(!Update(*backend), now);
  }
}

void Engine::Impl::ReleaseGenerations() {
  std::erase_if(generations, [](const auto& g) { return !g->current && g->calls == 0; });
}

Backend* Engine::Impl::BackendFor(const BackendKey& key) {
  const auto service = current->snapshot->services.find(key.service);
  if (service == current->snapshot->services.end()) return nullptr;
  if (FindPort(*service->second->bundle, key.port) == nullptr) return nullptr;
  if (const auto known = by_key.find(key); known != by_key.end()) return known->second;
  Backend* backend = AddBackend(key, false);
  Update(*backend);
  return backend;
}

const ServiceRoutes* Engine::Impl::RoutesOf(const snapshot::Service& service) {
  std::unique_ptr<ServiceRoutes>& routes = current->routes[&service];
  if (routes) return routes.get();
  routes = std::make_unique<ServiceRoutes>();
  std::weak_ptr<const route::Table>& known = tables[service.bundle.get()];
  routes->table = known.lock();
  if (!routes->table)
    known = routes->table = std::make_shared<const route::Table>(service.bundle, settings.ns);
  std::erase_if(tables, [](const auto& entry) { return entry.second.expired(); });
  const bool capped = service.bundle->policy.bulkheads.per_route > 0;
  if (capped) routes->cap = shared.Route(service.bundle->key.ToString());
  if (capped && !std::exchange(caps_routes, true)) {
    for (const auto& backend : backends) backend->state->capped |= !backend->inbound;
  }
  for (const policy::Route& route : service.bundle->routes) {
    for (const policy::RouteRule& rule : route.rules) {
      decision::Names& names = log.names();
      routes->rules[&rule] = {names.Intern(route.name), names.Intern(rule.name),
                              names.Intern(SourcesText(rule.sources)),
                              capped ? shared.Route(rule.name) : nullptr};
      for (const policy::BackendRef& ref : rule.backends) routes->backends[&ref] = BackendFor(ref.backend);
    }
  }
  return routes.get();
}

Backend* Engine::Impl::AddBackend(const BackendKey& key, bool inbound) {
  auto backend = std::make_unique<Backend>();
  backend->key = key;
  backend->key_text = key.ToString();
  backend->inbound = inbound;
  backend->policy = &BuiltIn();
  const std::string cluster = inbound ? key.service.cluster + "/inbound" : key.service.cluster;
  backend->shared = shared.Backend({{cluster, key.service.ns, key.service.name}, key.port});
  backend->state = std::make_unique<Backend::State>(settings.workers);
  backend->state->name = log.names().Intern(backend->key_text);
  backend->state->service_name = log.names().Intern(key.service.ToString());
  (inbound ? inbound_by_key : by_key)[key] = backend.get();
  backends.push_back(std::move(backend));
  if (inbound) UpdateInbound(*backends.back());
  return backends.back().get();
}

std::uint32_t Engine::Impl::InstancesOf(const ServiceKey& service) const {
  const snapshot::Service* found = current == nullptr ? nullptr : current->snapshot->Find(service);
  return found == nullptr ? 0 : static_cast<std::uint32_t>(found->endpoints->instances.size());
}

void Engine::Impl::SetQuota(const BackendKey& inbound, std::string_view limit, double per_second, double room,
                            TimePoint now) {
  const auto found = inbound_by_key.find(inbound);
  if (found == inbound_by_key.end() || found->second->state->rate_limits == nullptr) return;
  for (const limit::RateLimits::One& one : found->second->state->rate_limits->all()) {
    if (one.policy.global && one.policy.name == limit)
      one.buckets->Change(limit::RateOf(one.policy, per_second, room), now);
  }
}

// What the policy of the own service asks of its callers.
void Engine::Impl::UpdateInbound(Backend& backend) {
  backend.inbound_mtls = InboundMtls(backend.key.service);
  if (current == nullptr) return;
  const auto found = current->snapshot->services.find(backend.key.service);
  const policy::ServicePolicy& policy =
      found == current->snapshot->services.end() ? BuiltIn() : found->second->bundle->policy;
  const policy::RateLimits& wanted = policy.rate_limits;
  limit::RateLimitsPtr& limits = backend.state->rate_limits;
  if (limits || !wanted.limits.empty())
    limits = backend.shared->rate_limits.Get(wanted, installed, InstancesOf(backend.key.service));
  if (limits && limits->empty()) limits = nullptr;
  backend.state->concurrency = policy.concurrency;
  backend.state->per_caller = policy.bulkheads.per_caller;
  backend.state->guarded = limits != nullptr || policy.concurrency.limiter != policy::Limiter::kOff ||
                           policy.bulkheads.per_caller > 0;
}

// A backend that the snapshot does not have any more keeps its state (until ForgetUnused) and loses its
// instances.
bool Engine::Impl::Update(Backend& backend) {
  const auto found = current->snapshot->services.find(backend.key.service);
  const snapshot::Service* service =
      found == current->snapshot->services.end() ? nullptr : found->second.get();
  const policy::ServicePort* port =
      service == nullptr ? nullptr : FindPort(*service->bundle, backend.key.port);
  const bool known = backend.state->gone_since == TimePoint() && backend.bundle != nullptr;
  if (port != nullptr && known && ReadAlike(backend.bundle, backend.endpoints, *service)) {
    TakeOver(backend, *service, *port);
    return true;
  }
  std::unordered_set<const Target*> gone;
  for (const auto& target : backend.targets) {
    if (target->removed) gone.insert(target.get());
    if (!target->removed) target->removed_in = current->serial;
    target->removed = true;
  }
  if (port != nullptr) {
    TakeOver(backend, *service, *port);
    for (const snapshot::Instance& instance : service->endpoints->instances) {
      const net::Address address = AddressOf(instance, *port);
      Target* target = FindTarget(backend, instance.hash, address);
      if (target == nullptr) {
        target = &AddTarget(backend, instance.hash, address, shared);
        target->node.since = installed;
      } else if (gone.contains(target)) {
        StartOver(*target);
        target->node.since = installed;
      }
      target->instance = std::shared_ptr<const snapshot::Instance>(service->endpoints, &instance);
      TakeCapabilities(*target, port->protocol);
      target->draining = instance.draining;
      target->node.weight = instance.weight;
      target->node.hash = instance.hash;
      target->node.level = static_cast<std::uint8_t>(select::LevelOf(settings.zone, instance.zone));
      target->name = log.names().Intern(instance.id);
      target->removed = false;
    }
  }
  FreeRemoved(backend);
  ApplyView(backend);
  Rebuild(backend);
  return port != nullptr;
}

// The parts of the newest snapshot; what was made of the ones before that read alike stays as it is.
void Engine::Impl::TakeOver(Backend& backend, const snapshot::Service& service,
                            const policy::ServicePort& port) {
  backend.state->capped = caps_routes || service.bundle->policy.connection_pool.max_requests > 0;
  const bool moved = backend.endpoints != service.endpoints;
  if (!moved && backend.bundle == service.bundle) return;
  backend.bundle = service.bundle;
  backend.policy = &service.bundle->policy;
  backend.protocol = port.protocol;
  backend.proxy_protocol = port.proxy_protocol;
  backend.endpoints = service.endpoints;
  const bool hedges = backend.policy->hedging.enabled;
  if (hedges && !backend.state->hedging)
    backend.state->hedging = std::make_unique<retry::Hedging>(settings.workers);
  if (!hedges) backend.state->hedging = nullptr;
  backend.state->sources = log.names().Intern(SourcesText(service.bundle->sources));
  if (!moved) return;
  for (const snapshot::Instance& instance : service.endpoints->instances) {
    Target* target = FindTarget(backend, instance.hash, AddressOf(instance, port));
    if (target == nullptr || target->removed) continue;  // it is new
    target->instance = std::shared_ptr<const snapshot::Instance>(service.endpoints, &instance);
    TakeCapabilities(*target, port.protocol);
  }
}

// A call names the instances of its former attempts until it is finished. The generation that it began with
// lives as long; calls to an application have none.
void Engine::Impl::FreeRemoved(Backend& backend) {
  const std::uint64_t oldest = generations.empty() ? 0 : generations.front()->serial;
  std::erase_if(backend.targets, [&](const auto& t) {
    const bool named = t->application ? backend.in_flight > 0 : t->removed_in > oldest;
    return t->removed && !named && t->node.in_flight == 0 && t->connections == 0 && t->user == nullptr;
  });
}

void Engine::Impl::Install(ViewPtr newer, TimePoint now) {
  view = std::move(newer);
  installed = now;
  for (const auto& backend : backends) {
    if (!backend->inbound && ApplyView(*backend)) Rebuild(*backend);
  }
}

// What the registry declares and what the process found out, whichever is worse. An instance that comes back
// begins with a clean window.
bool Engine::Impl::ApplyView(Backend& backend) {
  bool changed = false;
  const std::vector<InstanceView>* known = nullptr;
  if (view) {
    if (const auto found = view->backends.find(backend.key); found != view->backends.end())
      known = &found->second;
  }
  for (const auto& target : backend.targets) {
    InstanceState seen = InstanceState::kHealthy;
    if (known != nullptr) {
      for (const InstanceView& v : *known) {
        if (v.instance == target->hash) seen = v.state;
      }
    }
    if (target->health || !InService(seen)) {
      Target::Health& health = HealthOf(*target);
      if (InService(health.seen) != InService(seen)) {
        health.run = 0;
        health.recent.Clear();
      }
      health.seen = seen;
    }
    const InstanceState before = target->state;
    const InstanceState declared =
        target->instance == nullptr ? InstanceState::kHealthy : DeclaredState(*target->instance);
    target->state =
        declared == InstanceState::kUnhealthy || seen == InstanceState::kHealthy ? declared : seen;
    if (!InService(before) && InService(target->state)) target->node.since = installed;
    const bool tried = target->health && target->state != InstanceState::kProbing;
    if (tried && std::exchange(target->health->failed_trial, false)) target->shared->trials.Return();
    changed |= target->state != before;
  }
  return changed;
}

void Engine::Impl::Rebuild(Backend& backend) {
  Backend::State& state = *backend.state;
  state.pickable.clear();
  state.probing.clear();
  state.suspects.clear();
  std::vector<Target*> usable;
  for (const auto& target : backend.targets) {
    if (target->health) target->health->suspect = false;
    target->node.place = select::kNoPlace;
    if (!target->removed && !target->draining && target->node.weight > 0) usable.push_back(target.get());
  }
  const policy::LoadBalancer& policy = backend.policy->load_balancer;
  if (policy.subset > 0) KeepSubset(usable, policy.subset);
  if (policy.prefer_zone) {
    std::stable_sort(usable.begin(), usable.end(),
                     [](const Target* a, const Target* b) { return a->node.level < b->node.level; });
  }
  for (Target* target : usable) {
    target->node.degraded = target->state == InstanceState::kDegraded;
    if (target->state == InstanceState::kProbing) state.probing.push_back(target);
    if (!InService(target->state)) continue;
    state.pickable.push_back(target);
    if (!target->health || target->health->run == 0) continue;
    target->health->suspect = true;
    state.suspects.push_back(target);
  }
  state.panic = state.pickable.size() * 2 < usable.size();
  if (state.panic) {
    state.pickable = usable;
    state.probing.clear();
    state.suspects.clear();
  }
  PassOverRefusing(backend);
  state.all_pickable = state.pickable.size() == backend.targets.size();
  state.suspects.reserve(backend.targets.size());
  state.scratch.reserve(backend.targets.size());
  RebuildSelection(backend, usable);
}

// Whatever panic and the budget of ejections say, as long as one is left: a refused connection is certain,
// and costs a request that goes elsewhere at once.
void Engine::Impl::PassOverRefusing(Backend& backend) {
  Backend::State& state = *backend.state;
  if (state.refusing == 0) return;
  const TimePoint now = std::max(installed, state.looked_at_refusals);
  const auto refuses = [now](const Target* target) { return Refuses(*target, now); };
  state.refusing =
      static_cast<std::size_t>(std::count_if(state.pickable.begin(), state.pickable.end(), refuses));
  if (state.refusing < state.pickable.size()) std::erase_if(state.pickable, refuses);
}

// What selection works on, from `pickable` and all in use.
void Engine::Impl::RebuildSelection(Backend& backend, const std::vector<Target*>& usable) {
  Backend::State& state = *backend.state;
  const policy::LoadBalancer& policy = backend.policy->load_balancer;
  std::vector<select::Node*> nodes;
  std::size_t warming = 0;
  TimePoint warm_until;
  for (Target* target : state.pickable) {
    select::Node& node = target->node;
    node.place = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back(&node);
    if (node.since == TimePoint{} || installed - node.since >= policy.slow_start) continue;
    ++warming;
    warm_until = std::max(warm_until, node.since + policy.slow_start);
  }
  state.warm_until =
      warming * 2 > nodes.size() ? TimePoint{} : warm_until;  // most are new: nobody to spare them
  std::array<std::uint64_t, select::kLevels> healthy{}, all{};
  for (const Target* target : usable) all[target->node.level] += target->node.weight;
  for (const select::Node* node : nodes) healthy[node->level] += node->weight;
  state.shares = select::ShareLevels(healthy, all);
  state.by_level = policy.prefer_zone && !state.panic && state.shares[0] + state.shares[1] > 0;
  state.plain = !state.by_level && policy.policy != policy::Balancer::kHotCold &&
                policy.policy != policy::Balancer::kRingHash && policy.policy != policy::Balancer::kMaglev;
  std::size_t first = 0;
  for (std::size_t level = 0; level < select::kLevels; ++level) {
    std::size_t last = first;
    while (policy.prefer_zone && last < nodes.size() && nodes[last]->level == level) ++last;
    state.levels[level].Assign({nodes.begin() + static_cast<std::ptrdiff_t>(first),
                                nodes.begin() + static_cast<std::ptrdiff_t>(last)},
                               static_cast<std::uint32_t>(first));
    first = last;
  }
  state.set.Assign(std::move(nodes));
  state.hot_cold.Keep(state.set);
  if (policy.policy != policy::Balancer::kRingHash && policy.policy != policy::Balancer::kMaglev)
    return state.table.Clear();
  std::vector<const select::Node*> in_table;
  for (const Target* target : usable) in_table.push_back(&target->node);
  state.table.Assign(policy.policy, std::move(in_table));
}

// Rendezvous: those that score highest for this agent, so that one that comes or goes changes at most one.
void Engine::Impl::KeepSubset(std::vector<Target*>& usable, std::uint32_t most) const {
  if (usable.size() <= most) return;
  const auto score = [this](const Target* target) {
    return Mix(shared.seed(), target->hash, Purpose::kSelect, 0);
  };
  std::nth_element(usable.begin(), usable.begin() + most, usable.end(),
                   [&](const Target* a, const Target* b) { return score(a) > score(b); });
  usable.resize(most);
  std::sort(usable.begin(), usable.end(), [](const Target* a, const Target* b) { return a->hash < b->hash; });
}

// Behind a transparent listener each port of the workload is a backend of its own: a port that stalls does
// not take the places of the others in the queue. A key that is whole is not copied: its names may be long.
Backend* Engine::Impl::InboundBackendOf(const Origin& origin) {
  if (origin.fixed != nullptr && origin.fixed->port != 0) return InboundBackendFor(*origin.fixed);
  BackendKey key = origin.fixed == nullptr ? BackendKey{} : *origin.fixed;
  key.port = origin.application.port != 0 ? origin.application.port : origin.original.port;
  return InboundBackendFor(key);
}

// A service that is not known yet asks for nothing.
policy::Mtls Engine::Impl::InboundMtls(const ServiceKey& service) const {
  if (current == nullptr) return policy::Mtls::kPermissive;
  const snapshot::Service* found = current->snapshot->Find(service);
  return found == nullptr ? policy::Mtls::kPermissive : found->bundle->policy.mtls;
}

Backend* Engine::Impl::InboundBackendFor(const BackendKey& key) {
  if (const auto known = inbound_by_key.find(key); known != inbound_by_key.end()) return known->second;
  static const BackendKey kOthers;
  if (inbound_by_key.size() < kMostInbound || key == kOthers) return AddBackend(key, true);
  return InboundBackendFor(kOthers);
}

Target* Engine::Impl::ApplicationTarget(Backend& backend, const net::Address& address) {
  for (const auto& target : backend.targets) {
    if (!(target->address == address)) continue;
    target->removed = false;
    return target.get();
  }
  const std::string text = address.ToString();
  Target& target = AddTarget(backend, HashBytes(text), address, shared);
  target.application = true;
  target.name = log.names().Intern(text);
  return &target;
}

}  // namespace weft::engine
