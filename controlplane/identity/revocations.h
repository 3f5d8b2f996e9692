#pragma once
// Certificates that are good no longer although they have not ended: one by its serial number, or all of a
// SPIFFE id that begin no later than its revocation. Later ones of the same id are good again, so that its
// holder may join anew. Pure: time and randomness come in. Not thread safe.

#include <map>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/time.h"
#include "controlplane/auth/auth.h"

namespace weft::identity {

inline constexpr std::size_t kRevocationIdBytes = 6;
inline constexpr std::size_t kMostRevocations = 10'000;
inline constexpr std::size_t kMostReason = 256;
// No certificate of an agent lives longer; what revokes all of an id is kept so long.
inline constexpr Duration kLongestLeaf = std::chrono::hours(720);

struct Revocation {
  std::string id;      // 12 hex digits
  std::string serial;  // lower-case hex; empty: all of `spiffe`
  std::string spiffe;  // empty: one by its serial number, of whomever
  std::string reason, creator;
  WallTime created;
  WallTime last_begin;  // of those of `spiffe` that it revokes
};

struct RevocationRequest {
  std::string serial;  // hex, also with colons and in upper case
  std::string spiffe;  // one of the two
  std::string reason, creator;
};

class Revocations {
 public:
  explicit Revocations(std::vector<Revocation> kept = {});

  // `random`: kRevocationIdBytes bytes. `last_begin`: no certificate issued until now begins later.
  Result<Revocation> Add(const RevocationRequest& request, std::string_view random, WallTime last_begin,
                         WallTime now);
  Status Remove(const std::string& id);          // kNotFound
  Status Check(const auth::Shown& shown) const;  // kUnauthenticated, with who, when and why
  WallTime After(
      const std::string& spiffe) const;  // a new one of it must begin then or later; zero: whenever
  bool Prune(WallTime now);              // true: something left

  std::vector<Revocation> All() const;  // by time of creation
  std::size_t size() const { return by_id_.size(); }

 private:
  std::map<std::string, Revocation> by_id_;
  std::map<std::string, std::string> by_serial_;  // to ids
  std::map<std::string, std::string> by_spiffe_;  // to the id of the newest
};

}  // namespace weft::identity
