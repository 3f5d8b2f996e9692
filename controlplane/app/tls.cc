#include "controlplane/app/tls.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

namespace weft::control {
namespace {

constexpr unsigned kLookEverySeconds = 5;

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

Error Unusable(const char* flag, const std::string& path, const std::string& what) {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return {ErrorKind::kInvalid, what + (reason == nullptr ? "" : std::string(" (") + reason + ")"), flag,
          path};
}

bool HasEnded(SSL_CTX* context) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  return certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

Status CheckIdentity(SSL_CTX* context, const Settings& settings) {
  if (SSL_CTX_use_certificate_chain_file(context, settings.tls_cert.c_str()) != 1)
    return Unusable("--tls-cert", settings.tls_cert, "cannot be read as a PEM certificate chain");
  if (SSL_CTX_use_PrivateKey_file(context, settings.tls_key.c_str(), SSL_FILETYPE_PEM) != 1)
    return Unusable("--tls-key", settings.tls_key,
                    "cannot be read as the PEM private key of that certificate");
  if (SSL_CTX_check_private_key(context) != 1)
    return Unusable("--tls-key", settings.tls_key, "is not the key of " + settings.tls_cert);
  if (HasEnded(context))
    return Unusable("--tls-cert", settings.tls_cert, "has expired; put a new certificate there");
  return {};
}

bool OthersMayRead(const std::string& path) {
  struct stat found {};
  return !path.empty() && stat(path.c_str(), &found) == 0 && (found.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace

Status CheckTls(const Settings& settings) {
  if (settings.tls_cert.empty() != settings.tls_key.empty())
    return Invalid("tlsCert and tlsKey go together; give both files or neither",
                   settings.tls_cert.empty() ? "--tls-cert" : "--tls-key");
  if (settings.tls_cert.empty() && !settings.client_ca.empty())
    return Invalid("client certificates need TLS: give --tls-cert and --tls-key too", "--client-ca");
  if (settings.tls_cert.empty()) return {};
  const Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (auto ok = CheckIdentity(context.get(), settings); !ok) return ok;
  if (settings.client_ca.empty() ||
      SSL_CTX_load_verify_locations(context.get(), settings.client_ca.c_str(), nullptr) == 1)
    return {};
  return Unusable("--client-ca", settings.client_ca, "cannot be read as PEM certificates");
}

std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(const Settings& settings) {
  if (settings.tls_cert.empty()) return grpc::InsecureServerCredentials();
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

std::vector<std::string> ExposedSecrets(const Settings& settings) {
  std::vector<std::string> exposed;
  for (const std::string& path : {settings.tls_key, settings.token_file}) {
    if (OthersMayRead(path)) exposed.push_back(path);
  }
  return exposed;
}

}  // namespace weft::control
