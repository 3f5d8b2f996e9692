// Taking over snapshots: generations, and the merge of their endpoints into what this worker already knows.
#include <algorithm>

#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

const policy::ServicePolicy& BuiltIn() {
  static const policy::ServicePolicy policy;
  return policy;
}

const policy::ServicePort* FindPort(const policy::ServiceBundle& bundle, std::uint16_t port) {
  for (const policy::ServicePort& p : bundle.ports) {
    if (p.port == port) return &p;
  }
  return nullptr;
}

net::Address AddressOf(const snapshot::Instance& instance, const policy::ServicePort& port) {
  const auto named = instance.ports.find(port.name);
  return {instance.address.ip, named == instance.ports.end() ? instance.address.port : named->second};
}

Target* FindTarget(Backend& backend, std::uint64_t hash) {
  const auto at = std::lower_bound(backend.targets.begin(), backend.targets.end(), hash,
                                   [](const auto& target, std::uint64_t h) { return target->hash < h; });
  return at == backend.targets.end() || (*at)->hash != hash ? nullptr : at->get();
}

Target& AddTarget(Backend& backend, std::uint64_t hash) {
  auto target = std::make_unique<Target>();
  target->hash = hash;
  target->backend = &backend;
  const auto at = std::lower_bound(backend.targets.begin(), backend.targets.end(), hash,
                                   [](const auto& t, std::uint64_t h) { return t->hash < h; });
  return **backend.targets.insert(at, std::move(target));
}

}  // namespace

Target::Target() : health(std::make_unique<Health>()) {}
Target::~Target() = default;
Backend::Backend() : state(std::make_unique<State>()) {}
Backend::~Backend() = default;

void Engine::Impl::Install(snapshot::SnapshotPtr snapshot) {
  if (current != nullptr) current->current = false;
  auto generation = std::make_unique<Generation>();
  generation->revision = snapshot->version.revision;
  generation->snapshot = std::move(snapshot);
  current = generation.get();
  generations.push_back(std::move(generation));
  cache.fill({});
  for (const auto& backend : backends) {
    if (!backend->inbound) Update(*backend);
  }
  ReleaseGenerations();
}

void Engine::Impl::ReleaseGenerations() {
  std::erase_if(generations, [](const auto& g) { return !g->current && g->calls == 0; });
}

Backend* Engine::Impl::BackendFor(const BackendKey& key) {
  const auto service = current->snapshot->services.find(key.service);
  if (service == current->snapshot->services.end()) return nullptr;
  if (FindPort(*service->second->bundle, key.port) == nullptr) return nullptr;
  if (const auto known = by_key.find(key); known != by_key.end()) return known->second;
  auto backend = std::make_unique<Backend>();
  backend->key = key;
  backend->key_text = key.ToString();
  backend->shared = shared.Backend(key);
  backend->policy = &BuiltIn();
  by_key[key] = backend.get();
  backends.push_back(std::move(backend));
  Update(*backends.back());
  return backends.back().get();
}

// A backend that the snapshot does not have any more keeps its state and loses its instances.
void Engine::Impl::Update(Backend& backend) {
  const auto found = current->snapshot->services.find(backend.key.service);
  const snapshot::Service* service =
      found == current->snapshot->services.end() ? nullptr : found->second.get();
  const policy::ServicePort* port =
      service == nullptr ? nullptr : FindPort(*service->bundle, backend.key.port);
  for (const auto& target : backend.targets) target->removed = true;
  if (port != nullptr) {
    backend.bundle = service->bundle;
    backend.policy = &service->bundle->policy;
    backend.protocol = port->protocol;
    backend.endpoints = service->endpoints;
    for (const snapshot::Instance& instance : service->endpoints->instances) {
      Target* target = FindTarget(backend, instance.hash);
      if (target == nullptr) target = &AddTarget(backend, instance.hash);
      const net::Address address = AddressOf(instance, *port);
      if (!target->shared || target->address.port != address.port) {
        target->shared = shared.Instance(instance.hash, address.port);
      }
      target->instance = std::shared_ptr<const snapshot::Instance>(service->endpoints, &instance);
      target->address = address;
      target->meshed = instance.capabilities.meshed;
      target->draining = instance.draining;
      target->node.weight = instance.weight;
      target->removed = false;
    }
  }
  FreeRemoved(backend);
  Rebuild(backend);
}

void Engine::Impl::FreeRemoved(Backend& backend) {
  std::erase_if(backend.targets, [](const auto& t) {
    return t->removed && t->node.in_flight == 0 && t->connections == 0 && t->user == nullptr;
  });
}

void Engine::Impl::Rebuild(Backend& backend) {
  backend.state->pickable.clear();
  for (const auto& target : backend.targets) {
    if (!target->removed && !target->draining && target->node.weight > 0) {
      backend.state->pickable.push_back(target.get());
    }
  }
}

Backend* Engine::Impl::InboundBackendFor(const BackendKey& key) {
  if (const auto known = inbound_by_key.find(key); known != inbound_by_key.end()) return known->second;
  auto backend = std::make_unique<Backend>();
  backend->key = key;
  backend->key_text = key.ToString();
  backend->inbound = true;
  backend->shared =
      shared.Backend({{key.service.cluster + "/inbound", key.service.ns, key.service.name}, key.port});
  backend->policy = &BuiltIn();
  inbound_by_key[key] = backend.get();
  backends.push_back(std::move(backend));
  return backends.back().get();
}

Target* Engine::Impl::ApplicationTarget(Backend& backend, const net::Address& address) {
  for (const auto& target : backend.targets) {
    if (target->address == address) return target.get();
  }
  const std::string text = address.ToString();
  Target& target = AddTarget(backend, HashBytes(text));
  target.address = address;
  target.application = true;
  target.shared = shared.Instance(target.hash, address.port);
  return &target;
}

}  // namespace weft::engine
