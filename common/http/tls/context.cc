#include "common/http/tls/context.h"

#include <openssl/ssl.h>

#include "common/stamp/stamp.h"

namespace weft::http::tls {
namespace {

using boost::system::error_code;

Error Unusable(const std::string& path, const std::string& what, const error_code& error) {
  return {ErrorKind::kInvalid, what + " (" + error.message() + ")", {}, path};
}

Status UseIdentity(Context& context, const Files& files) {
  error_code error;
  if (context.use_certificate_chain_file(files.cert, error); error)
    return Unusable(files.cert, "cannot be read as a PEM certificate chain", error);
  if (context.use_private_key_file(files.key, Context::pem, error); error)
    return Unusable(files.key, "cannot be read as the PEM private key of " + files.cert, error);
  const X509* own = SSL_CTX_get0_certificate(context.native_handle());
  if (own != nullptr && X509_cmp_current_time(X509_get0_notAfter(own)) < 0)
    return Invalid("has expired; put a new certificate there", {}, files.cert);
  return {};
}

Status Trust(Context& context, const std::string& ca) {
  error_code error;
  if (context.load_verify_file(ca, error); error)
    return Unusable(ca, "cannot be read as PEM certificates of a CA", error);
  return {};
}

ContextPtr Make(Context::method method) {
  auto context = std::make_shared<Context>(method);
  context->set_options(Context::default_workarounds | Context::no_sslv2 | Context::no_sslv3 |
                       Context::no_tlsv1 | Context::no_tlsv1_1);
  return context;
}

std::string StampsOf(const Files& files) {
  return stamp::StampOf(files.cert) + ";" + stamp::StampOf(files.key) + ";" + stamp::StampOf(files.ca);
}

}  // namespace

Result<ContextPtr> MakeServerContext(const Files& files) {
  ContextPtr context = Make(Context::tls_server);
  if (auto ok = UseIdentity(*context, files); !ok) return ok.error();
  if (files.ca.empty()) return context;
  if (auto ok = Trust(*context, files.ca); !ok) return ok.error();
  context->set_verify_mode(boost::asio::ssl::verify_peer);  // one that is shown; none is well too
  return context;
}

Result<ContextPtr> MakeClientContext(const Files& files) {
  ContextPtr context = Make(Context::tls_client);
  if (!files.cert.empty()) {
    if (auto ok = UseIdentity(*context, files); !ok) return ok.error();
  }
  context->set_verify_mode(boost::asio::ssl::verify_peer);
  if (files.ca.empty()) {
    context->set_default_verify_paths();
    return context;
  }
  if (auto ok = Trust(*context, files.ca); !ok) return ok.error();
  return context;
}

Result<std::shared_ptr<Identity>> Identity::Read(Files files) {
  std::string stamp = StampsOf(files);
  auto context = MakeServerContext(files);
  if (!context) return context.error();
  return std::shared_ptr<Identity>(new Identity(std::move(files), std::move(*context), std::move(stamp)));
}

ContextPtr Identity::Now() {
  const std::lock_guard lock(mutex_);
  if (std::string stamp = StampsOf(files_); stamp != stamp_) {
    stamp_ = std::move(stamp);
    if (auto fresh = MakeServerContext(files_)) context_ = std::move(*fresh);
  }
  return context_;
}

}  // namespace weft::http::tls
