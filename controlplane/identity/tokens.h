#pragma once
// Tokens with which an agent obtains its first certificate: each for one service, perhaps for one node, for a
// short time. A token is `weft-join-ID-SECRET`; only a hash of the secret is kept. Pure: time and randomness
// come in. Not thread safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/time.h"

namespace weft::identity {

inline constexpr std::string_view kTokenPrefix = "weft-join-";
inline constexpr std::size_t kIdBytes = 6, kSecretBytes = 32;
inline constexpr std::size_t kMostTokens = 10'000;
inline constexpr Duration kLongestToken = std::chrono::hours(24 * 30);
inline constexpr Duration kUsualToken = std::chrono::hours(1);
inline constexpr Duration kKeepEnded = std::chrono::hours(24);  // ended ones are listed that much longer

struct Token {
  std::string id;           // 12 hex digits
  std::string hash;         // SHA-256 of the secret's text, hex
  std::string ns, service;  // that its bearer is
  std::string node;         // the only node.id that may use it; empty: any
  std::string creator;
  WallTime created, expires;
  WallTime revoked;             // zero: it is not
  WallTime used;                // last; zero: never
  std::uint64_t uses = 0;       // certificates obtained
  std::uint64_t most_uses = 0;  // so many, then it ends; zero: no bound

  std::string_view State(WallTime now) const;  // "valid", "expired", "revoked", "used"
};

struct TokenRequest {
  std::string ns, service, node;
  Duration ttl{};  // zero: kUsualToken
  std::string creator;
  std::uint64_t most_uses = 0;  // zero: no bound
};

struct MadeToken {
  Token token;
  std::string text;  // shown once
};

class Tokens {
 public:
  explicit Tokens(std::vector<Token> kept = {});

  // `random`: kIdBytes + kSecretBytes bytes nobody can guess. The error names the field.
  Result<MadeToken> Make(const TokenRequest& request, std::string_view random, WallTime now);
  Status Revoke(const std::string& id, WallTime now);  // kNotFound; revoking twice is no error
  // The token of this text, if it is valid: else kUnauthenticated with the reason.
  Result<Token> Check(std::string_view text, WallTime now) const;
  // Counts a certificate obtained with it; kUnauthenticated: it has ended since it was checked.
  Status Use(const std::string& id, WallTime now);
  void GiveBack(const Token& before);  // as it was before a use that came to nothing
  std::optional<Token> Find(const std::string& id) const;
  void RevokeOf(const std::string& ns, const std::string& service, WallTime now);  // all of that service
  bool Prune(WallTime now);                                                        // true: something left

  std::vector<Token> All() const;  // by time of creation
  std::size_t Valid(WallTime now) const;

 private:
  std::map<std::string, Token> by_id_;
};

bool IsToken(std::string_view text);  // has the prefix

}  // namespace weft::identity
