#pragma once
// The names everything hangs on. A service is one service whatever source it comes from, so the kind is no
// part of its key; a BackendKey keys breaker and statistics; an InstanceId comes from the source (pod UID,
// container id, registered id), never from an address, because addresses are reused.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace weft {

struct ServiceKey {
  std::string cluster = "local";
  std::string ns;
  std::string name;

  // "namespace/name"; the cluster is left out while it is "local", else "cluster/namespace/name".
  std::string ToString() const;
  static Result<ServiceKey> Parse(std::string_view text);  // a bare name: namespace "default"
  friend bool operator==(const ServiceKey&, const ServiceKey&) = default;
  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
};

// For readers: "cart", outside the namespace default "shop/cart".
std::string ShortName(const std::string& ns, const std::string& name);

struct BackendKey {
  ServiceKey service;
  std::uint16_t port = 0;

  std::string ToString() const;  // "namespace/name:port"
  friend bool operator==(const BackendKey&, const BackendKey&) = default;
  friend auto operator<=>(const BackendKey&, const BackendKey&) = default;
};

using InstanceId = std::string;

// RFC 1123 label: lower-case letters, digits and '-', 1 to 63 characters, no '-' at either end.
bool IsDnsLabel(std::string_view text);

std::uint64_t HashBytes(std::string_view bytes);  // stable across programs and versions: FNV-1a, then mixed

}  // namespace weft

template <>
struct std::hash<weft::ServiceKey> {
  std::size_t operator()(const weft::ServiceKey& key) const noexcept;
};
template <>
struct std::hash<weft::BackendKey> {
  std::size_t operator()(const weft::BackendKey& key) const noexcept;
};
