#include "common/http/tls/server.h"

#include <openssl/x509v3.h>

#include "common/http/connection.h"
#include "common/http/tls/link.h"

namespace weft::http::tls {
namespace {

std::string TextOf(const ASN1_STRING* text) {
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string CommonName(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  return at < 0 ? std::string() : TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

// The one URI; of several none, since nobody could say which is meant.
std::string Uri(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::string uri;
  int count = 0;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    uri = TextOf(name->d.uniformResourceIdentifier);
    ++count;
  }
  return count == 1 ? uri : std::string();
}

class ServerLink : public Link {
 public:
  using Link::Link;

  template <class Done>
  void Open(Done&& done) {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [this, done = std::forward<Done>(done)](boost::system::error_code error) {
                              if (!error) Remember();
                              done(error);
                            });
  }
  template <class Done>
  void Shut(Done&& done) {
    stream_.async_shutdown([done = std::forward<Done>(done)](boost::system::error_code) { done(); });
  }
  void Fill(Request& request) const {
    request.peer_uri = uri_;
    request.peer_name = name_;
  }

 private:
  // A certificate that was shown is verified, else there was no handshake.
  void Remember() {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(
        SSL_get1_peer_certificate(stream_.native_handle()), X509_free);
    if (shown == nullptr || SSL_get_verify_result(stream_.native_handle()) != X509_V_OK) return;
    uri_ = Uri(shown.get());
    name_ = CommonName(shown.get());
  }

  std::string uri_, name_;
};

}  // namespace

Result<std::unique_ptr<Server>> Listen(asio::io_context& context, const net::Address& address,
                                       DeferredHandler handler, ServerOptions options,
                                       std::shared_ptr<Identity> identity) {
  const auto connect = [identity = std::move(identity)](tcp::socket socket,
                                                        std::shared_ptr<Server::State> state) {
    return std::make_shared<Connection<ServerLink>>(std::move(state),
                                                    ServerLink(identity->Now(), std::move(socket)));
  };
  return Server::Listen(context, address, std::move(handler), options, connect);
}

}  // namespace weft::http::tls
