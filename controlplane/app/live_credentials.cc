#include "controlplane/app/live_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

namespace weft::control {
namespace {

class LiveCredentials final : public grpc::ServerCredentials {
 public:
  explicit LiveCredentials(std::function<std::shared_ptr<const http::tls::Pem>()> source)
      : source_(std::move(source)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY, &LiveCredentials::Fetch, this))) {}
  ~LiveCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(void* self,
                                                         grpc_ssl_server_certificate_config** config) {
    return static_cast<LiveCredentials*>(self)->Fetch(config);
  }

  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config** config) {
    const auto now = source_();
    const std::lock_guard lock(mutex_);
    if (now == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    if (now == shown_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    shown_ = now;
    const grpc_ssl_pem_key_cert_pair pair{now->key.c_str(), now->chain.c_str()};
    *config = grpc_ssl_server_certificate_config_create(now->ca.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::function<std::shared_ptr<const http::tls::Pem>()> source_;
  std::mutex mutex_;  // guards `shown_`
  std::shared_ptr<const http::tls::Pem> shown_;
  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeLiveCredentials(
    std::function<std::shared_ptr<const http::tls::Pem>()> source) {
  return std::make_shared<LiveCredentials>(std::move(source));
}

}  // namespace weft::control
