#pragma once
// What handshakes between agents are made with: our certificate, key and roots, in the library's form, and
// what is asked of a peer. One Context per certificate; connections keep the one that they began with, new
// ones take the newest, so a rotation disturbs none. TLS 1.3; 1.2 where the agent's file asks for it, then
// only with ECDHE and an AEAD.
//
// Thread rule: a Context is immutable and shared by the workers; Contexts::Now() from any thread, the rest of
// Contexts on the cold thread.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "agent/identity/identity.h"
#include "common/reason/reason.h"
#include "common/result/result.h"
#include "common/time/time.h"

struct ssl_ctx_st;
struct x509_st;

namespace weft::tls {

// The protocol of both ends (ALPN, RFC 7301): inside is what would have come without TLS. By it an agent
// tells another one's TLS from that of applications, which it passes on.
inline constexpr std::string_view kProtocol = "weft/1";

enum class Least : std::uint8_t { kTls13, kTls12 };

class Context;
using ContextPtr = std::shared_ptr<const Context>;

class Context {
 public:
  static Result<ContextPtr> Make(identity::MaterialPtr material, Least least);

  ssl_ctx_st* client() const { return client_.get(); }
  ssl_ctx_st* server() const { return server_.get(); }
  const identity::Material& material() const { return *material_; }
  // "spiffe://DOMAIN/" of our own identity.
  std::string_view domain() const { return domain_; }
  // What our clock shows as the issuer's would: certificates are judged by it, so that a wrong clock of ours
  // refuses nobody.
  WallTime ByIssuer(WallTime now) const { return now + (material_->not_after - material_->ends); }

  // Whether a peer that showed `certificate`, whose chain was found to be good or not (`verified`, X509_V_…),
  // may be spoken to: `expected` is its SPIFFE id, empty: any of our trust domain. kOk sets `identity`.
  Reason Judge(x509_st* certificate, long verified, std::string_view expected, WallTime now,
               std::string& identity) const;

 private:
  using CtxPtr = std::shared_ptr<ssl_ctx_st>;
  Context() = default;
  identity::MaterialPtr material_;
  CtxPtr client_, server_;
  std::string domain_;
};

// The identity that a service has: spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE.
std::string IdentityOf(std::string_view domain, std::string_view ns, std::string_view service);
struct Named {
  std::string_view ns, service;
};
// Of such an identity; nothing: it has another form, so it is no agent's.
std::optional<Named> ReadIdentity(std::string_view identity);

// The newest context of an identity that changes.
class Contexts {
 public:
  // `source` outlives it. `problem` hears why an identity cannot be used; the one before stays.
  Contexts(identity::Source& source, Least least, std::function<void(const std::string&)> problem);
  ContextPtr Now() const;  // null: there is none yet
  // Another value than when a peer was judged: it is to be judged anew, as certificates were revoked. Costs a
  // load.
  std::uint64_t revocations() const { return revocations_.load(std::memory_order_acquire); }

 private:
  void Changed();

  identity::Source& source_;
  const Least least_;
  const std::function<void(const std::string&)> problem_;
  mutable std::mutex mutex_;
  ContextPtr now_;  // guarded by mutex_
  std::atomic<std::uint64_t> revocations_{0};
};

}  // namespace weft::tls
