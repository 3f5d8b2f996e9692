#include "common/http/tls/server.h"

#include "common/http/server_state.h"
#include "common/http/tls/link.h"
#include "common/x509/certificate.h"

namespace weft::http::tls {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

class ServerLink final : public Link {
 public:
  using Link::Link;

  void Open(std::function<void(boost::system::error_code)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [this, done = std::move(done)](boost::system::error_code error) {
                              if (!error) Remember();
                              done(error);
                            });
  }
  void Fill(Request& request) const override {
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
    return Connect(std::move(state), std::make_unique<ServerLink>(identity->Now(), std::move(socket)));
  };
  return Server::Listen(context, address, std::move(handler), options, connect);
}

}  // namespace weft::http::tls
