#include "common/http/tls/context.h"

#include <openssl/ssl.h>

#include "common/stamp/stamp.h"
#include "common/x509/certificate.h"

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

namespace {

boost::asio::const_buffer Buffer(const std::string& text) { return boost::asio::buffer(text); }

Status UseIdentity(Context& context, const Pem& pem, const char* whose) {
  error_code error;
  context.use_certificate_chain(Buffer(pem.chain), error);
  if (!error) context.use_private_key(Buffer(pem.key), Context::pem, error);
  if (error) return Unusable(whose, "cannot be used", error);
  return {};
}

Status TrustRoots(Context& context, const std::string& pem) {
  const auto roots = x509::Split(pem);
  if (!roots) return roots.error();
  for (const std::string& root : *roots) {
    error_code error;
    context.add_certificate_authority(Buffer(root), error);
    if (error) return Unusable("a root", "cannot be used", error);
  }
  return {};
}

}  // namespace

Result<ContextPtr> MakeServerContext(const Pem& pem) {
  ContextPtr context = Make(Context::tls_server);
  if (auto ok = UseIdentity(*context, pem, "the server's identity"); !ok) return ok.error();
  if (pem.ca.empty()) return context;
  if (auto ok = TrustRoots(*context, pem.ca); !ok) return ok.error();
  context->set_verify_mode(boost::asio::ssl::verify_peer);  // one that is shown; none is well too
  return context;
}

Result<ContextPtr> MakeClientContext(const Pem& pem) {
  ContextPtr context = Make(Context::tls_client);
  if (!pem.chain.empty()) {
    if (auto ok = UseIdentity(*context, pem, "the client's identity"); !ok) return ok.error();
  }
  context->set_verify_mode(boost::asio::ssl::verify_peer);
  if (pem.ca.empty()) {
    context->set_default_verify_paths();
  } else if (auto ok = TrustRoots(*context, pem.ca); !ok) {
    return ok.error();
  }
  return context;
}

namespace {

class OfFiles final : public Identity {
 public:
  OfFiles(Files files, ContextPtr context, std::string stamp)
      : files_(std::move(files)), context_(std::move(context)), stamp_(std::move(stamp)) {}

  ContextPtr Now() override {
    const std::lock_guard lock(mutex_);
    if (std::string stamp = StampsOf(files_); stamp != stamp_) {
      stamp_ = std::move(stamp);
      if (auto fresh = MakeServerContext(files_)) context_ = std::move(*fresh);
    }
    return context_;
  }

 private:
  const Files files_;
  std::mutex mutex_;  // guards the rest
  ContextPtr context_;
  std::string stamp_;
};

class OfSource final : public Identity {
 public:
  using Source = std::function<std::shared_ptr<const Pem>()>;
  OfSource(Source source, ContextPtr context, std::shared_ptr<const Pem> shown)
      : source_(std::move(source)), context_(std::move(context)), shown_(std::move(shown)) {}

  ContextPtr Now() override {
    const std::lock_guard lock(mutex_);
    if (auto now = source_(); now != nullptr && now != shown_) {
      shown_ = std::move(now);
      if (auto fresh = MakeServerContext(*shown_)) context_ = std::move(*fresh);
    }
    return context_;
  }

 private:
  const Source source_;
  std::mutex mutex_;  // guards the rest
  ContextPtr context_;
  std::shared_ptr<const Pem> shown_;
};

}  // namespace

Result<std::shared_ptr<Identity>> Identity::Read(Files files) {
  std::string stamp = StampsOf(files);
  auto context = MakeServerContext(files);
  if (!context) return context.error();
  return std::shared_ptr<Identity>(
      std::make_shared<OfFiles>(std::move(files), std::move(*context), std::move(stamp)));
}

Result<std::shared_ptr<Identity>> Identity::Of(std::function<std::shared_ptr<const Pem>()> source) {
  auto now = source();
  if (now == nullptr) return Invalid("there is no identity to serve with");
  auto context = MakeServerContext(*now);
  if (!context) return context.error();
  return std::shared_ptr<Identity>(
      std::make_shared<OfSource>(std::move(source), std::move(*context), std::move(now)));
}

}  // namespace weft::http::tls
