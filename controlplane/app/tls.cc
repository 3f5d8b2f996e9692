#include "controlplane/app/tls.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/stat.h>

#include "common/file/file.h"
#include "common/log/log.h"
#include "common/stamp/stamp.h"
#include "common/x509/certificate.h"
#include "controlplane/app/live_credentials.h"

namespace weft::control {
namespace {

constexpr unsigned kLookEverySeconds = 5;
constexpr std::size_t kMostPemBytes = 1U << 20U;

bool OthersMayRead(const std::string& path) {
  struct stat found {};
  return !path.empty() && stat(path.c_str(), &found) == 0 && (found.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

Status CheckIdentity(const Settings& settings) {
  const IdentitySettings& identity = settings.identity;
  if (identity.ca_cert.empty() != identity.ca_key.empty())
    return Invalid("identityCaCert and identityCaKey go together; give both files or neither",
                   identity.ca_cert.empty() ? "--identity-ca-cert" : "--identity-ca-key");
  if (!identity.on && !identity.ca_cert.empty())
    return Invalid("is of the mesh's own CA; give --identity too", "--identity-ca-cert");
  if (identity.on && !settings.has_users())
    return Invalid("with a CA everybody has to say who he is: give --token-file with a line for an admin",
                   "--identity");
  return {};
}

}  // namespace

Status CheckTls(const Settings& settings) {
  if (settings.tls_cert.empty() != settings.tls_key.empty())
    return Invalid("tlsCert and tlsKey go together; give both files or neither",
                   settings.tls_cert.empty() ? "--tls-cert" : "--tls-key");
  if (!SpeaksTls(settings) && !settings.client_ca.empty())
    return Invalid("client certificates need TLS: give --tls-cert and --tls-key too", "--client-ca");
  return CheckIdentity(settings);
}

bool SpeaksTls(const Settings& settings) { return !settings.tls_cert.empty() || settings.identity.on; }

Result<std::unique_ptr<identity::Authority>> OpenAuthority(const Settings& settings, WallTime now) {
  if (!settings.identity.on) return std::unique_ptr<identity::Authority>();
  identity::Settings out;
  out.folder = settings.data + "/identity";
  out.ca_cert = settings.identity.ca_cert;
  out.ca_key = settings.identity.ca_key;
  out.trust_domain = settings.trust_domain;
  out.spans = {settings.identity.leaf, settings.identity.root, settings.identity.lead};
  out.dns = {"localhost", "weft-control"};
  out.ips = {"127.0.0.1", "::1"};
  for (const net::Address& listen : {settings.grpc, settings.http}) {
    if (!listen.ip.IsAny()) out.ips.push_back(listen.ip.ToString());
  }
  for (const std::string& name : settings.identity.names)
    (net::Ip::Parse(name) ? out.ips : out.dns).push_back(name);
  return identity::Authority::Open(std::move(out), now);
}

std::string Listening::StampNow() const {
  std::string stamp = std::to_string(ca_->generation());
  for (const std::string& path : {settings_.tls_cert, settings_.tls_key, settings_.client_ca})
    stamp += ";" + (path.empty() ? "" : stamp::StampOf(path));
  return stamp;
}

Result<http::tls::Pem> Listening::Gather(const std::shared_ptr<const identity::Serving>& serving) const {
  http::tls::Pem pem{{}, {}, ca_->Bundle()};
  if (!settings_.client_ca.empty()) {
    const auto more = file::Read(settings_.client_ca, kMostPemBytes);
    if (!more) return more.error();
    pem.ca += *more;
  }
  if (settings_.tls_cert.empty()) {
    if (serving == nullptr) return Invalid("the CA has no root that may issue now");
    pem.chain = serving->chain;
    pem.key = serving->key;
    return pem;
  }
  auto chain = file::Read(settings_.tls_cert, kMostPemBytes);
  if (!chain) return chain.error();
  auto key = file::Read(settings_.tls_key, kMostPemBytes);
  if (!key) return key.error();
  pem.chain = std::move(*chain);
  pem.key = std::move(*key);
  if (auto ok = http::tls::MakeServerContext(pem); !ok) return ok.error();
  return pem;
}

std::shared_ptr<const http::tls::Pem> Listening::Now() {
  const std::lock_guard lock(mutex_);
  const auto serving = settings_.tls_cert.empty() ? ca_->Serve(ReadWallClock()) : nullptr;
  std::string stamp = StampNow();
  if (now_ != nullptr && stamp == stamp_ && serving == serving_) return now_;
  stamp_ = std::move(stamp);
  serving_ = serving;
  auto pem = Gather(serving);
  if (pem) {
    now_ = std::make_shared<const http::tls::Pem>(std::move(*pem));
  } else {
    log::Warn("changed certificates are not taken up, the last good ones stay",
              {{"error", pem.error().Text()}});
  }
  return now_;
}

Result<std::shared_ptr<http::tls::Identity>> RestIdentity(const Settings& settings,
                                                          const std::shared_ptr<Listening>& listening) {
  if (!SpeaksTls(settings)) return std::shared_ptr<http::tls::Identity>();
  if (!settings.identity.on)
    return http::tls::Identity::Read({settings.tls_cert, settings.tls_key, settings.client_ca});
  // What cannot be used at the start is an error that names its file; later it is a warning.
  if (!settings.tls_cert.empty()) {
    auto files = http::tls::Identity::Read({settings.tls_cert, settings.tls_key, settings.client_ca});
    if (!files) return files;
  } else if (!settings.client_ca.empty()) {
    const auto bundle = file::Read(settings.client_ca, kMostPemBytes);
    if (!bundle) return Invalid(bundle.error().detail, "--client-ca", settings.client_ca);
    if (const auto roots = x509::Split(*bundle); !roots)
      return Invalid(roots.error().detail, "--client-ca", settings.client_ca);
  }
  return http::tls::Identity::Of([listening] { return listening->Now(); });
}

std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(const Settings& settings,
                                                         const std::shared_ptr<Listening>& listening) {
  if (!SpeaksTls(settings)) return grpc::InsecureServerCredentials();
  if (settings.identity.on) return MakeLiveCredentials([listening] { return listening->Now(); });
  using namespace grpc::experimental;
  const bool asks = !settings.client_ca.empty();
  TlsServerCredentialsOptions options(std::make_shared<FileWatcherCertificateProvider>(
      settings.tls_key, settings.tls_cert, settings.client_ca, kLookEverySeconds));
  options.watch_identity_key_cert_pairs();
  if (asks) options.watch_root_certs();
  options.set_cert_request_type(asks ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                     : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  return TlsServerCredentials(options);
}

Status CheckSecrets(const Settings& settings) {
  for (const std::string& path : {settings.tls_key, settings.token_file, settings.identity.ca_key}) {
    if (!OthersMayRead(path)) continue;
    if (!settings.allow_exposed_secrets) {
      return Invalid(
          "others than its owner may read this secret; chmod 600 it, or say --allow-exposed-secrets", {},
          path);
    }
    log::Warn("others than its owner may read this secret; chmod 600 it", {{"file", path}});
  }
  return {};
}

}  // namespace weft::control
