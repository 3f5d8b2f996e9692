#pragma once
// An HTTP/1.1 server for REST and admin: Boost.Beast wrapped once. Routing is the handler's business.
//
// Thread rule: Listen, the handler and Stop's work happen on the threads that run the io_context; `Reply` may
// be called from any thread, once. Dropping it uncalled answers 500. Bounds: too large a head 431, too large
// a body 413, too slow a request is closed. One connection too many takes the place of the one that waits
// longest for a request; where none does it is closed at once. Half of the connections may be streamed
// answers; one more is 429. One request at a time per connection; pipelined ones wait.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "common/http/message.h"

namespace weft::http {

using Reply = std::function<void(Response)>;
using DeferredHandler = std::function<void(Request, Reply)>;
using Handler = std::function<Response(const Request&)>;

DeferredHandler Deferred(Handler handler);  // an exception in it answers 500

struct ServerOptions {
  std::size_t max_head = 16 << 10;  // bytes of request line and header
  std::size_t max_body = 4 << 20;   // bytes
  std::size_t max_connections = 256;
  std::chrono::seconds request_timeout{10};  // from first byte to the end of the request, and to write
  std::chrono::seconds idle_timeout{60};     // between requests
};

class AnyConnection;  // server_state.h

class Server {
 public:
  // Port 0 takes a free one. The error names the address and what to do about it.
  static Result<std::unique_ptr<Server>> Listen(boost::asio::io_context& context, const net::Address& address,
                                                DeferredHandler handler, ServerOptions options = {});
  ~Server();  // as Stop, and running requests are cut
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const net::Address& address() const { return address_; }  // with the port chosen
  std::size_t connections() const;

  // Any thread. Accepts nothing more, closes idle connections, lets running requests finish with
  // "Connection: close". Calling it again does nothing.
  void Stop();

  struct State;
  // Another transport than plain TCP (common/http/tls); null: the connection is refused.
  using Connect =
      std::function<std::shared_ptr<AnyConnection>(boost::asio::ip::tcp::socket, std::shared_ptr<State>)>;
  static Result<std::unique_ptr<Server>> Listen(boost::asio::io_context& context, const net::Address& address,
                                                DeferredHandler handler, ServerOptions options,
                                                Connect connect);

 private:
  Server(std::shared_ptr<State> state, net::Address address);
  std::shared_ptr<State> state_;
  net::Address address_;
};

}  // namespace weft::http
