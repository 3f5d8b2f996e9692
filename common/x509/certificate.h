#pragma once
// Certificates: what one says, whether it may be trusted, and making them. Nothing here reads a clock. Thread
// rule: pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "common/time/time.h"
#include "common/x509/key.h"

struct x509_st;

namespace weft::x509 {

struct Certificate {
  std::string uri;          // the one URI among its names; empty: none, or several
  std::string common_name;  // empty: none
  std::string fingerprint;  // SHA-256 of its DER, lower-case hex
  std::string serial;       // number that its issuer gave it, lower-case hex of whole bytes
  WallTime not_before, not_after;
  bool is_ca = false;
};

// The first one of a PEM text.
Result<Certificate> Read(std::string_view pem);
Certificate Read(x509_st* certificate);  // as a library of TLS hands it over

// What tells a certificate from others of the same holder. To look at its key is most of what reading costs
// (0.3 ms): this does not.
struct Brief {
  std::string serial;  // as of Certificate
  WallTime not_before, not_after;
};
// Of the first one of a PEM text.
Result<Brief> ReadBrief(std::string_view pem);
// All of a PEM text, each as its own PEM. An error when there is none, or one cannot be read.
Result<std::vector<std::string>> Split(std::string_view pem);
// Whether `key` is the private key of the first certificate.
Status CheckPair(std::string_view pem, const Key& key);
// Whether the first certificate of `chain` leads over the others to one of `roots` and all are valid at
// `now`. The error has the library's reason: "certificate has expired".
Status Verify(std::string_view chain, std::string_view roots, WallTime now);

struct Subject {
  std::string common_name;
  std::string uri;               // empty: none
  std::vector<std::string> dns;  // names that it may serve under
  std::vector<std::string> ips;  // likewise, as text
  WallTime not_before, not_after;
};

// A certificate that signs itself, for a CA. PEM.
Result<std::string> MakeRoot(const Key& key, const Subject& subject);
// A leaf of `owner`'s public key, signed by the CA; fit for both sides of TLS. PEM, without the CA's own.
Result<std::string> MakeLeaf(std::string_view ca_pem, const Key& ca_key, const Key& owner,
                             const Subject& subject);

}  // namespace weft::x509
