#pragma once
// What of a request decides where it goes or whose limit it counts against, as 64-bit hashes. Pure.

#include <cstdint>
#include <string_view>

#include "agent/engine/call.h"
#include "common/policy/policy.h"

namespace weft::engine {

// For the hash policies: of the header, cookie, query parameter or else the client's address that `policy`
// names. The same in every agent. Zero: the request has none of it.
std::uint64_t HashKeyOf(const policy::LoadBalancer& policy, const Origin& origin,
                        const message::RequestHead& head);
// Keyed, so that nobody can make up two of the same (xxHash, XXH3 with a seed).
std::uint64_t KeyedHash(std::string_view bytes, std::uint64_t seed);
// Of the identity that mutual TLS proved, else of the address.
std::uint64_t CallerKeyOf(const Origin& origin, std::uint64_t seed);
std::string_view BytesOf(const net::Ip& ip);
// The value of a parameter `name=value` in a list with that separator; as it stands, not decoded.
std::optional<std::string_view> FindParameter(std::string_view list, char separator, std::string_view name);

}  // namespace weft::engine
