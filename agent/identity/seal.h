#pragma once
// An identity on disk, encrypted, so that a restart without a control plane still has it:
//
//   8 bytes "WEFTSID1" | 16 bytes salt | 12 bytes nonce | AES-256-GCM of a v1.CachedIdentity | 16 bytes tag
//
// The key is HKDF-SHA256 (RFC 5869) of the secret with the salt; magic, salt and nonce are authenticated.
// Everything is checked when it is read, as if it came from the network. Thread rule: pure, but for
// ReadSecret.

#include <string>
#include <string_view>

#include "agent/identity/identity.h"
#include "common/result/result.h"

namespace weft::identity {

inline constexpr std::size_t kLeastSecret = 32, kMostSecret = 4096, kMostSealed = 4U << 20U;  // bytes

Result<std::string> Seal(const Material& material, std::string_view secret);
// kForbidden: another secret, or changed bytes; nobody can tell which.
Result<Material> Unseal(std::string_view bytes, std::string_view secret);

// The bytes of `identity.cacheKeyFile`; the error says how to make one.
Result<std::string> ReadSecret(const std::string& path);

}  // namespace weft::identity
