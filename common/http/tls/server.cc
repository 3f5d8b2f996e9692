#include "common/http/tls/server.h"

#include "common/http/connection.h"
#include "common/http/tls/link.h"
#include "common/x509/certificate.h"

namespace weft::http::tls {
namespace {

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
    request.peer_uri = shown_.uri;
    request.peer_name = shown_.common_name;
    request.peer_serial = shown_.serial;
    request.peer_from = shown_.not_before;
    request.peer_until = shown_.not_after;
  }

 private:
  // A certificate that was shown is verified, else there was no handshake.
  void Remember() {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(
        SSL_get1_peer_certificate(stream_.native_handle()), X509_free);
    if (shown == nullptr || SSL_get_verify_result(stream_.native_handle()) != X509_V_OK) return;
    shown_ = x509::Read(shown.get());
  }

  x509::Certificate shown_;
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
