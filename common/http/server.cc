#include "common/http/server.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/strand.hpp>

#include "common/http/endpoint.h"
#include "common/http/server_state.h"
#include "common/http/transport.h"

namespace weft::http {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::vector<std::shared_ptr<AnyConnection>> Living(
    const std::map<AnyConnection*, std::weak_ptr<AnyConnection>>& open) {
  std::vector<std::shared_ptr<AnyConnection>> out;
  for (const auto& [raw, weak] : open) {
    if (auto held = weak.lock()) out.push_back(std::move(held));
  }
  return out;
}

std::shared_ptr<AnyConnection> ConnectPlain(tcp::socket socket, std::shared_ptr<Server::State> state) {
  return http::Connect(std::move(state), std::make_unique<PlainTransport>(std::move(socket)));
}

Error ListenError(const net::Address& address, const boost::system::error_code& error) {
  std::string text = "cannot listen on " + address.ToString() + ": " + error.message();
  if (error == asio::error::address_in_use)
    text += "; stop what uses it or choose another port (0 takes a free one)";
  if (error == asio::error::access_denied) text += "; ports below 1024 need privileges";
  return {ErrorKind::kUnavailable, std::move(text), {}, {}};
}

}  // namespace

Server::State::State(asio::io_context& context, DeferredHandler on_request, ServerOptions bounds,
                     Connect make)
    : acceptor(asio::make_strand(context)),
      handler(std::move(on_request)),
      options(bounds),
      connect(std::move(make)) {}

void Server::State::Accept() {
  acceptor.async_accept(asio::make_strand(acceptor.get_executor()),
                        [self = shared_from_this()](boost::system::error_code error, tcp::socket socket) {
                          if (self->stopping || error == asio::error::operation_aborted) return;
                          if (!error) self->Take(std::move(socket));
                          self->Accept();
                        });
}

// When there is no room, the connection that waits longest for a request makes some.
void Server::State::Take(tcp::socket socket) {
  // Above the lock: who lets go of a connection last ends it, which takes the lock (Remove).
  std::vector<std::shared_ptr<AnyConnection>> living;
  const auto connection = connect(std::move(socket), shared_from_this());
  if (connection == nullptr) return;
  const std::lock_guard lock(mutex);
  if (open.size() >= options.max_connections) {
    living = Living(open);
    AnyConnection* yields = nullptr;
    for (const auto& each : living) {
      const std::uint64_t since = each->idle();
      if (since != 0 && (yields == nullptr || since < yields->idle())) yields = each.get();
    }
    if (yields == nullptr || open.size() >= 2 * options.max_connections) return;
    yields->Yield();
  }
  open.emplace(connection.get(), connection);
  connection->Start();
}

bool Server::State::TakeStream() {
  if (++streams <= options.max_connections / 2) return true;
  --streams;
  return false;
}

void Server::State::Remove(AnyConnection* connection) {
  const std::lock_guard lock(mutex);
  open.erase(connection);
}

void Server::State::Close(bool cut) {
  stopping = true;
  if (cut) dead = true;
  asio::dispatch(acceptor.get_executor(), [self = shared_from_this()] {
    boost::system::error_code ignored;
    self->acceptor.close(ignored);
  });
  std::vector<std::shared_ptr<AnyConnection>> living;
  {
    const std::lock_guard lock(mutex);
    living = Living(open);
  }
  for (const auto& connection : living) connection->Stop(cut);
}

DeferredHandler Deferred(Handler handler) {
  return [handler = std::move(handler)](const Request& request, const Reply& reply) {
    Response response;
    try {
      response = handler(request);
    } catch (const std::exception& failure) {
      response = ErrorResponse({ErrorKind::kInternal, failure.what(), {}, {}});
    }
    reply(std::move(response));
  };
}

Result<std::unique_ptr<Server>> Server::Listen(asio::io_context& context, const net::Address& address,
                                               DeferredHandler handler, ServerOptions options) {
  return Listen(context, address, std::move(handler), options, ConnectPlain);
}

Result<std::unique_ptr<Server>> Server::Listen(asio::io_context& context, const net::Address& address,
                                               DeferredHandler handler, ServerOptions options,
                                               Connect connect) {
  auto state = std::make_shared<State>(context, std::move(handler), options, std::move(connect));
  const tcp::endpoint endpoint = ToEndpoint(address);
  boost::system::error_code error;
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(128, error);
  if (error) return ListenError(address, error);
  const net::Address bound = FromEndpoint(state->acceptor.local_endpoint());
  state->Accept();
  return std::unique_ptr<Server>(new Server(std::move(state), bound));
}

Server::Server(std::shared_ptr<State> state, net::Address address)
    : state_(std::move(state)), address_(address) {}
Server::~Server() { state_->Close(true); }
void Server::Stop() {
  if (!state_->stopping) state_->Close(false);
}
std::size_t Server::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->open.size();
}

}  // namespace weft::http
