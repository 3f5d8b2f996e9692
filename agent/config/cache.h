#pragma once
// The last-known-good configuration on disk, with which an agent starts when there is no control plane.
//
//   8 bytes "WEFTLKG1" | SHA-256 of the rest in hex | 8 bytes wall clock, ns, little endian | a v1.Cache
//   message
//
// Written to a file beside it, fsynced, renamed into place, and the folder fsynced. Every field is checked
// when it is read, as if it came from the network. Thread rule: Encode and Decode are pure; the other two do
// file I/O.

#include <string>
#include <string_view>
#include <vector>

#include "common/snapshot/builder.h"

namespace weft::config {

inline constexpr std::size_t kMaxCacheBytes = 256U << 20U;
inline constexpr std::size_t kMaxRemembered = 1024;  // subscriptions

struct Cached {
  WallTime at{};  // when what it holds was last known to be current
  snapshot::Parts parts;
  std::vector<ServiceKey> subscriptions;  // at most kMaxRemembered
};

std::string EncodeCache(const Cached& cached);
Result<Cached> DecodeCache(std::string_view bytes);

Status WriteCache(const std::string& path, const Cached& cached);
// kNotFound: no file. kTimeout: older than `max_age` (zero: any age) or from the future by more than an hour.
Result<Cached> ReadCache(const std::string& path, Duration max_age, WallTime now);

}  // namespace weft::config
