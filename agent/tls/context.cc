#include "agent/tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "agent/tls/library.h"
#include "common/x509/certificate.h"
#include "common/x509/openssl.h"

namespace weft::tls {
namespace {

using x509::CertificatePtr;
using x509::Failed;
using x509::Reading;

constexpr std::string_view kScheme = "spiffe://";
constexpr long kTicketSeconds = 3600;
constexpr char kCiphers13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kCiphers12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256";
constexpr unsigned char kAlpn[] = "\x06weft/1";

// Of a ClientHello's protocols ours; whoever offers another is no agent.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                   unsigned in_size, void*) {
  for (unsigned at = 0; at < in_size; at += in[at] + 1U) {
    const std::string_view name(reinterpret_cast<const char*>(in + at + 1),
                                std::min<std::size_t>(in[at], in_size - at - 1));
    if (name != kProtocol) continue;
    *out = in + at + 1;
    *out_size = in[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Status UseChain(SSL_CTX* ctx, std::string_view chain) {
  const Result<std::vector<std::string>> all = x509::Split(chain);
  if (!all) return all.error();
  for (std::size_t i = 0; i < all->size(); ++i) {
    const x509::BioPtr bio = Reading((*all)[i]);
    const CertificatePtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    const bool taken =
        i == 0 ? SSL_CTX_use_certificate(ctx, one.get()) == 1 : SSL_CTX_add1_chain_cert(ctx, one.get()) == 1;
    if (!taken) return Failed("the agent's certificate cannot be used");
  }
  return {};
}

Status UseKey(SSL_CTX* ctx, std::string_view pem) {
  const Result<x509::Key> key = x509::Key::FromPem(pem);
  if (!key) return key.error();
  if (SSL_CTX_use_PrivateKey(ctx, key->get()) == 1 && SSL_CTX_check_private_key(ctx) == 1) return {};
  return Failed("the agent's private key is not that of its certificate");
}

Status Trust(SSL_CTX* ctx, std::string_view roots) {
  const Result<std::vector<std::string>> all = x509::Split(roots);
  if (!all) return all.error();
  for (const std::string& pem : *all) {
    const x509::BioPtr bio = Reading(pem);
    const CertificatePtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), one.get()) != 1)
      return Failed("a root cannot be used");
  }
  return {};
}

Status Restrict(SSL_CTX* ctx, Least least) {
  const int version = least == Least::kTls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(
      ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const bool done = SSL_CTX_set_min_proto_version(ctx, version) == 1 &&
                    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                    SSL_CTX_set_ciphersuites(ctx, kCiphers13) == 1 &&
                    SSL_CTX_set_cipher_list(ctx, kCiphers12) == 1 &&
                    SSL_CTX_set1_groups_list(ctx, kGroups) == 1;
  return done ? Status() : Failed("TLS cannot be set up");
}

// A bad chain is noted, not refused at once: its reason is told by Judge, and the alert by whoever asked.
Result<std::shared_ptr<SSL_CTX>> MakeCtx(const identity::Material& material, Least least,
                                         const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> ctx(SSL_CTX_new(method), SSL_CTX_free);
  if (ctx == nullptr) return Failed("TLS cannot be set up");
  for (const Status& step : {Restrict(ctx.get(), least), UseChain(ctx.get(), material.chain),
                             UseKey(ctx.get(), material.key), Trust(ctx.get(), material.roots)}) {
    if (!step) return step.error();
  }
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return ctx;
}

bool IsOutOfTime(long verified) {
  return verified == X509_V_ERR_CERT_HAS_EXPIRED || verified == X509_V_ERR_CERT_NOT_YET_VALID;
}

}  // namespace

Result<ContextPtr> Context::Make(identity::MaterialPtr material, Least least) {
  const std::shared_ptr<Context> out(new Context());
  const std::size_t end = material->uri.find('/', kScheme.size());
  if (!material->uri.starts_with(kScheme) || end == std::string::npos)
    return Invalid("the agent's identity is no SPIFFE id: " + material->uri);
  out->domain_ = material->uri.substr(0, end + 1);
  Result<std::shared_ptr<SSL_CTX>> client = MakeCtx(*material, least, TLS_client_method());
  if (!client) return client.error();
  Result<std::shared_ptr<SSL_CTX>> server = MakeCtx(*material, least, TLS_server_method());
  if (!server) return server.error();
  out->client_ = *client;
  out->server_ = *server;
  out->material_ = std::move(material);
  SSL_CTX_set_alpn_protos(client->get(), kAlpn, sizeof kAlpn - 1);
  SSL_CTX_set_session_cache_mode(client->get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client->get(), KeepSession);
  SSL_CTX_set_alpn_select_cb(server->get(), SelectProtocol, nullptr);
  SSL_CTX_set_session_cache_mode(server->get(), SSL_SESS_CACHE_OFF);  // tickets hold what is needed
  SSL_CTX_set_timeout(server->get(), kTicketSeconds);
  SSL_CTX_set_num_tickets(server->get(), 2);
  SSL_CTX_set_session_id_context(server->get(), kAlpn, sizeof kAlpn - 1);
  return ContextPtr(out);
}

Reason Context::Judge(x509_st* certificate, long verified, std::string_view expected, WallTime now,
                      std::string& identity) const {
  if (IsOutOfTime(verified)) return Reason::kPeerExpired;
  if (certificate == nullptr || verified != X509_V_OK) return Reason::kPeerUntrusted;
  const x509::Certificate shown = x509::Read(certificate);
  if (material_->revoked != nullptr && material_->revoked->Has(shown)) return Reason::kPeerRevoked;
  const WallTime by_issuer = ByIssuer(now);  // a resumed session was verified when it began
  if (by_issuer > shown.not_after || by_issuer < shown.not_before) return Reason::kPeerExpired;
  if (!shown.uri.starts_with(domain_) || !ReadIdentity(shown.uri)) return Reason::kPeerUntrusted;
  if (!expected.empty() && shown.uri != expected) return Reason::kPeerIdentity;
  identity = shown.uri;
  return Reason::kOk;
}

std::string IdentityOf(std::string_view domain, std::string_view ns, std::string_view service) {
  std::string out(domain);
  return out.append("ns/").append(ns).append("/sa/").append(service);
}

std::optional<Named> ReadIdentity(std::string_view identity) {
  constexpr std::string_view kNs = "ns/", kSa = "/sa/";
  if (!identity.starts_with(kScheme)) return std::nullopt;
  const std::size_t end = identity.find('/', kScheme.size());
  if (end == std::string_view::npos) return std::nullopt;
  identity.remove_prefix(end + 1);
  if (!identity.starts_with(kNs)) return std::nullopt;
  identity.remove_prefix(kNs.size());
  const std::size_t middle = identity.find(kSa);
  if (middle == std::string_view::npos) return std::nullopt;
  const Named named{identity.substr(0, middle), identity.substr(middle + kSa.size())};
  const auto plain = [](std::string_view part) { return !part.empty() && part.find('/') == part.npos; };
  if (!plain(named.ns) || !plain(named.service)) return std::nullopt;
  return named;
}

Contexts::Contexts(identity::Source& source, Least least, std::function<void(const std::string&)> problem)
    : source_(source), least_(least), problem_(std::move(problem)) {
  source_.Watch([this] { Changed(); });
  Changed();
}

ContextPtr Contexts::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void Contexts::Changed() {
  identity::MaterialPtr material = source_.Now();
  if (material == nullptr) return;
  Result<ContextPtr> made = Context::Make(std::move(material), least_);
  if (!made) return problem_(made.error().Text());
  const std::lock_guard lock(mutex_);
  const bool revoked = now_ != nullptr && !IsSame(now_->material().revoked, (*made)->material().revoked);
  now_ = std::move(*made);
  if (revoked) revocations_.fetch_add(1, std::memory_order_release);
}

}  // namespace weft::tls
