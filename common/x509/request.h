#pragma once
// Certificate signing requests (PKCS#10, RFC 2986): the owner of a key asks for a certificate of it. The
// request is signed with the key it asks for, so a good one proves that the sender has it, and it carries a
// nonce of the one who is asked (attribute challengePassword, RFC 2985 5.4.1), so it cannot be used twice.
// Thread rule: pure functions.

#include <string>
#include <string_view>

#include "common/x509/key.h"

namespace weft::x509 {

inline constexpr std::size_t kMaxRequestBytes = 4096;

struct Request {
  std::string uri;    // the only name it asks for
  std::string nonce;  // as text; empty: none
  Key public_key;
};

Result<std::string> MakeRequest(const Key& key, const std::string& uri, const std::string& nonce);  // DER
// What a foreign request asks for. Refused: one that is too long or no request, whose signature is not of its
// own key, with a key that is not of P-256, or with other names than one URI.
Result<Request> ReadRequest(std::string_view der);

}  // namespace weft::x509
