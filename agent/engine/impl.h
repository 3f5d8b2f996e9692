#pragma once
// The inside of an engine, shared by the files of this folder only.

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/engine/engine.h"

namespace weft::engine {

// What a request's destination resolves to.
struct Resolved {
  Reason reason = Reason::kUnknownService;  // kOk: found
  const snapshot::Service* service = nullptr;
  std::uint16_t port = 0;
  Backend* backend = nullptr;
};

struct Target::Health {};

struct Backend::State {
  std::vector<Target*> pickable;
  std::size_t next = 0;
  Duration latency = Duration::zero();  // inbound: average, 1/8 per sample
};

struct Engine::Impl {
  Impl(Settings s, Shared& sh, decision::Recorder* r) : settings(std::move(s)), shared(sh), recorder(r) {}

  // resolve.cc
  Resolved Resolve(const Origin& origin, std::string_view authority);
  Resolved ResolveAuthority(std::string_view authority);
  Resolved ResolveKey(const BackendKey& key);
  Resolved ResolveAddress(const net::Address& address);
  Resolved FindByName(std::string_view host, std::uint16_t port, bool port_written);
  Resolved PortOf(const ServiceKey& key, std::uint16_t port, bool port_written);

  // install.cc
  void Install(snapshot::SnapshotPtr snapshot);
  Backend* BackendFor(const BackendKey& key);  // null: not in the current snapshot
  Backend* InboundBackendFor(const BackendKey& key);
  void Update(Backend& backend);
  void Rebuild(Backend& backend);
  Target* ApplicationTarget(Backend& backend, const net::Address& address);
  void FreeRemoved(Backend& backend);
  void ReleaseGenerations();

  Settings settings;
  Shared& shared;
  decision::Recorder* recorder;
  Generation* current = nullptr;
  std::vector<std::unique_ptr<Generation>> generations;
  std::vector<std::unique_ptr<Backend>> backends;
  std::unordered_map<BackendKey, Backend*> by_key, inbound_by_key;
  std::uint64_t calls = 0;

  // Destinations seen lately; cleared by a new snapshot, so that it never answers with an old one.
  struct Cached {
    std::string authority;
    Resolved resolved;
  };
  static constexpr std::size_t kCacheSize = 256;
  std::array<Cached, kCacheSize> cache;
};

}  // namespace weft::engine
