#include "controlplane/app/tls.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/stat.h>

namespace weft::control {
namespace {

constexpr unsigned kLookEverySeconds = 5;

bool OthersMayRead(const std::string& path) {
  struct stat found {};
  return !path.empty() && stat(path.c_str(), &found) == 0 && (found.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

}  // namespace

Result<std::shared_ptr<http::tls::Identity>> ReadIdentity(const Settings& settings) {
  if (settings.tls_cert.empty() != settings.tls_key.empty())
    return Invalid("tlsCert and tlsKey go together; give both files or neither",
                   settings.tls_cert.empty() ? "--tls-cert" : "--tls-key");
  if (settings.tls_cert.empty() && !settings.client_ca.empty())
    return Invalid("client certificates need TLS: give --tls-cert and --tls-key too", "--client-ca");
  if (settings.tls_cert.empty()) return std::shared_ptr<http::tls::Identity>();
  return http::tls::Identity::Read({settings.tls_cert, settings.tls_key, settings.client_ca});
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
