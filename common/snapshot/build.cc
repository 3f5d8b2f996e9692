#include "common/snapshot/builder.h"

namespace weft::snapshot {
namespace {

const EndpointsPtr& NoEndpoints(const Held& held, EndpointsPtr& made) {
  if (held.endpoints.endpoints) return held.endpoints.endpoints;
  auto empty = std::make_shared<Endpoints>();
  empty->service = held.bundle->key;
  made = std::move(empty);
  return made;
}

bool SameParts(const Service& service, const Held& held) {
  const bool same_endpoints = held.endpoints.endpoints
                                  ? service.endpoints == held.endpoints.endpoints
                                  : service.endpoints->instances.empty() && service.endpoints->version == 0;
  return service.bundle == held.bundle && service.revision == held.revision && same_endpoints;
}

ServicePtr MakeService(const Held& held, const Service* previous, const ServicePtr* shared) {
  if (previous != nullptr && SameParts(*previous, held)) return *shared;
  auto service = std::make_shared<Service>();
  EndpointsPtr made;
  service->bundle = held.bundle;
  service->endpoints = NoEndpoints(held, made);
  service->revision = held.revision;
  return service;
}

// Virtual IPs first: an instance address never hides one. Ties: the service that sorts first.
void IndexVirtualAddresses(const policy::ServiceBundle& bundle, Snapshot& out) {
  for (const std::string& address : bundle.addresses) {
    const Result<net::Ip> ip = net::Ip::Parse(address);
    if (!ip) continue;
    for (const policy::ServicePort& port : bundle.ports) {
      out.by_address.emplace(net::Address{*ip, port.port}, BackendKey{bundle.key, port.port});
    }
  }
}

// Who calls an instance of a service that has virtual IPs means this instance: it is reached directly.
void IndexInstances(const Service& service, Snapshot& out) {
  if (!service.bundle->addresses.empty()) return;
  for (const Instance& instance : service.endpoints->instances) {
    for (const policy::ServicePort& port : service.bundle->ports) {
      out.by_address.emplace(instance.AddressFor(port), BackendKey{service.bundle->key, port.port});
    }
  }
}

bool Defines(const Parts& parts, const BackendKey& key) {
  const auto found = parts.services.find(key.service);
  if (found == parts.services.end() || !found->second.bundle) return false;
  const auto& ports = found->second.bundle->ports;
  return std::any_of(ports.begin(), ports.end(), [&](const auto& port) { return port.port == key.port; });
}

std::string At(const char* list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

Error Undefined(const ServiceKey& from, std::string field, const BackendKey& to) {
  return Invalid(
      from.ToString() + " refers to " + to.ToString() +
          ", which no accepted bundle defines; send that service too, or mark the reference unusable",
      std::move(field));
}

std::optional<Error> UndefinedInRule(const Parts& parts, const ServiceKey& from,
                                     const policy::RouteRule& rule, const std::string& at) {
  for (std::size_t i = 0; i < rule.backends.size(); ++i) {
    const policy::BackendRef& ref = rule.backends[i];
    if (ref.usable && !Defines(parts, ref.backend)) {
      return Undefined(from, at + "." + At("backends", i), ref.backend);
    }
  }
  for (std::size_t i = 0; i < rule.mirrors.size(); ++i) {
    if (!Defines(parts, rule.mirrors[i].backend)) {
      return Undefined(from, at + "." + At("mirrors", i), rule.mirrors[i].backend);
    }
  }
  return std::nullopt;
}

}  // namespace

SnapshotPtr Build(const Parts& parts, const Snapshot* previous, std::uint64_t generation) {
  auto out = std::make_shared<Snapshot>();
  out->version = parts.version;
  out->generation = generation;
  for (const auto& [key, held] : parts.services) {
    if (!held.bundle) continue;
    const auto before = previous ? previous->services.find(key) : decltype(previous->services.find(key)){};
    const bool known = previous && before != previous->services.end();
    const ServicePtr* shared = known ? &before->second : nullptr;
    out->services.emplace(key, MakeService(held, known ? shared->get() : nullptr, shared));
    out->by_name.emplace(key.name, key);
    IndexVirtualAddresses(*held.bundle, *out);
  }
  for (const auto& [key, held] : parts.services) {
    if (held.bundle) IndexInstances(*out->services.at(key), *out);
  }
  return out;
}

std::optional<Error> FindUndefined(const Parts& parts) {
  for (const auto& [key, held] : parts.services) {
    if (!held.bundle) continue;
    for (std::size_t r = 0; r < held.bundle->routes.size(); ++r) {
      const policy::Route& route = held.bundle->routes[r];
      for (std::size_t i = 0; i < route.rules.size(); ++i) {
        const std::string at = At("routes", r) + "." + At("rules", i);
        if (auto error = UndefinedInRule(parts, key, route.rules[i], at)) return error;
      }
    }
  }
  return std::nullopt;
}

}  // namespace weft::snapshot
