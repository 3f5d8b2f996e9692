#include "common/net/key.h"

#include <algorithm>
#include <vector>

namespace weft {
namespace {

bool IsLabelCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

std::vector<std::string_view> Split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

bool IsDnsLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), IsLabelCharacter);
}

std::uint64_t HashBytes(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 32)) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29);
}

std::string ServiceKey::ToString() const {
  const std::string local = ns + "/" + name;
  return cluster == "local" ? local : cluster + "/" + local;
}

Result<ServiceKey> ServiceKey::Parse(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text, '/');
  if (parts.size() > 3 || !std::all_of(parts.begin(), parts.end(), IsDnsLabel)) {
    return Invalid("'" + std::string(text) +
                   "' is not a service: write name, namespace/name or cluster/namespace/name");
  }
  ServiceKey key;
  key.name = parts.back();
  key.ns = parts.size() > 1 ? std::string(parts[parts.size() - 2]) : "default";
  if (parts.size() == 3) key.cluster = parts[0];
  return key;
}

std::string ShortName(const std::string& ns, const std::string& name) {
  return ns == "default" || ns.empty() ? name : ns + "/" + name;
}

std::string BackendKey::ToString() const { return service.ToString() + ":" + std::to_string(port); }

}  // namespace weft

std::size_t std::hash<weft::ServiceKey>::operator()(const weft::ServiceKey& key) const noexcept {
  return weft::HashBytes(key.name) ^ (weft::HashBytes(key.ns) * 3) ^ (weft::HashBytes(key.cluster) * 7);
}

std::size_t std::hash<weft::BackendKey>::operator()(const weft::BackendKey& key) const noexcept {
  return std::hash<weft::ServiceKey>()(key.service) * 31 + key.port;
}
