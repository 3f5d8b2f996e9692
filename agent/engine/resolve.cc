// Which service a request is for: docs/configuration.md, "Finding the service".
#include <charconv>

#include "agent/engine/impl.h"

namespace weft::engine {
namespace {

constexpr std::uint16_t kHttpPort = 80;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// The authority's host and port. A name keeps no port when none was written.
struct Authority {
  std::string_view host;
  std::uint16_t port = kHttpPort;
  bool port_written = false;
  bool valid = true;
};

Authority Split(std::string_view text) {
  Authority a{text};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.back() == ']') return a;
  a.host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), a.port);
  a.valid = end.ec == std::errc() && end.ptr == digits.data() + digits.size();
  a.port_written = true;
  return a;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

const snapshot::Service* FindService(const snapshot::Snapshot& snapshot, const ServiceKey& key) {
  const auto found = snapshot.services.find(key);
  return found == snapshot.services.end() ? nullptr : found->second.get();
}

std::uint64_t CacheHash(std::string_view text) {
  std::uint64_t hash = text.size();
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, text.data(), 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
    text.remove_prefix(8);
  }
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash ^ (hash >> 29);
}

}  // namespace

Resolved Engine::Impl::Resolve(const Origin& origin, std::string_view authority) {
  if (current == nullptr) return {Reason::kNoConfig};
  if (origin.fixed != nullptr) {
    CachedKey& known = key_cache[reinterpret_cast<std::uintptr_t>(origin.fixed) / 32 % key_cache.size()];
    if (known.resolved.reason == Reason::kOk && known.key == *origin.fixed) return known.resolved;
    known = {*origin.fixed, ResolveKey(*origin.fixed)};
    return known.resolved;
  }
  if (origin.original.port != 0) return ResolveAddress(origin.original);
  Cached& cached = cache[CacheHash(authority) % kCacheSize];
  if (cached.resolved.reason == Reason::kOk && cached.authority == authority) return cached.resolved;
  const Resolved resolved = ResolveAuthority(authority);
  if (resolved.reason == Reason::kOk) {  // Unknown names are not kept: anybody can make them up.
    cached.authority = authority;
    cached.resolved = resolved;
  }
  return resolved;
}

Resolved Engine::Impl::ResolveKey(const BackendKey& key) {
  const snapshot::Service* service = FindService(*current->snapshot, key.service);
  if (service == nullptr) return {};
  Backend* backend = BackendFor(key);
  if (backend == nullptr) return {};
  return {Reason::kOk, service, key.port, backend, RoutesOf(*service)};
}

Resolved Engine::Impl::ResolveAddress(const net::Address& address) {
  const auto found = current->snapshot->by_address.find(address);
  return found == current->snapshot->by_address.end() ? Resolved{} : ResolveKey(found->second);
}

Resolved Engine::Impl::ResolveAuthority(std::string_view authority) {
  const Authority a = Split(authority);
  if (!a.valid || a.host.empty()) return {};
  const bool bracketed = a.host.front() == '[' && a.host.back() == ']';
  const std::string_view bare = bracketed ? a.host.substr(1, a.host.size() - 2) : a.host;
  if (const auto ip = net::Ip::Parse(bare); ip) {
    const Resolved known = ResolveAddress({*ip, a.port});
    return known.reason == Reason::kOk ? known : External(ip->ToString(), a.port);
  }
  return FindByName(a.host, a.port, a.port_written);
}

Resolved Engine::Impl::FindByName(std::string_view host, std::uint16_t port, bool port_written) {
  std::string name = Lower(host);
  if (!name.empty() && name.back() == '.') name.pop_back();
  const std::string whole = name;
  for (const std::string_view suffix : {".svc.cluster.local", ".svc"}) {
    if (EndsWith(name, suffix)) name.resize(name.size() - suffix.size());
  }
  const std::size_t dot = name.find('.');
  if (dot != std::string::npos) {
    const Resolved known =
        PortOf({settings.cluster, name.substr(dot + 1), name.substr(0, dot)}, port, port_written);
    return known.reason == Reason::kOk ? known : External(whole, port);
  }
  const ServiceKey own{settings.cluster, settings.ns, name};
  if (FindService(*current->snapshot, own) != nullptr) return PortOf(own, port, port_written);
  const auto [first, last] = current->snapshot->by_name.equal_range(name);
  if (first == last) return External(whole, port);
  if (std::next(first) != last) return {Reason::kAmbiguousService};
  return PortOf(first->second, port, port_written);
}

// A host outside the mesh that the agent let in.
Resolved Engine::Impl::External(std::string_view host, std::uint16_t port) {
  const std::string egress(snapshot::kEgress);
  return ResolveKey({{egress, egress, std::string(host)}, port});
}

// Without a written port: 80, or the only port there is.
Resolved Engine::Impl::PortOf(const ServiceKey& key, std::uint16_t port, bool port_written) {
  const snapshot::Service* service = FindService(*current->snapshot, key);
  if (service == nullptr) return {};
  Backend* backend = BackendFor({key, port});
  if (backend == nullptr && !port_written && service->bundle->ports.size() == 1) {
    port = service->bundle->ports.front().port;
    backend = BackendFor({key, port});
  }
  if (backend == nullptr) return {};
  return {Reason::kOk, service, port, backend, RoutesOf(*service)};
}

}  // namespace weft::engine
