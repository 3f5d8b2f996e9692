#include "agent/engine/hash_key.h"

#include <xxhash.h>

namespace weft::engine {
namespace {

std::optional<std::string_view> ValueOf(const policy::LoadBalancer& policy, const Origin& origin,
                                        const message::RequestHead& head) {
  if (!policy.hash_header.empty()) {
    const message::Field* field = head.fields.Find(std::string_view(policy.hash_header));
    return field == nullptr ? std::nullopt : std::optional(field->value);
  }
  if (!policy.hash_cookie.empty()) {
    for (const message::Field& field : head.fields) {  // HTTP/2 may split them
      if (field.id != message::FieldId::kCookie) continue;
      if (const auto value = FindParameter(field.value, ';', policy.hash_cookie)) return value;
    }
    return std::nullopt;
  }
  if (!policy.hash_query.empty()) return FindParameter(head.query(), '&', policy.hash_query);
  return BytesOf(origin.peer.ip);
}

}  // namespace

std::uint64_t HashKeyOf(const policy::LoadBalancer& policy, const Origin& origin,
                        const message::RequestHead& head) {
  const std::optional<std::string_view> value = ValueOf(policy, origin, head);
  if (!value) return 0;
  const std::uint64_t hash = HashBytes(*value);
  return hash == 0 ? 1 : hash;
}

std::uint64_t KeyedHash(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t CallerKeyOf(const Origin& origin, std::uint64_t seed) {
  return KeyedHash(origin.caller == nullptr ? BytesOf(origin.peer.ip) : origin.caller->identity, seed);
}

std::string_view BytesOf(const net::Ip& ip) {
  return {reinterpret_cast<const char*>(ip.bytes.data()), ip.v6 ? ip.bytes.size() : 4};
}

std::optional<std::string_view> FindParameter(std::string_view list, char separator, std::string_view name) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(separator), list.size());
    std::string_view pair = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace weft::engine
