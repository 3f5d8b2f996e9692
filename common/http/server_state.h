#pragma once
// What a server's connections share, and what the server asks of each. For server.cc, connection.cc and tls/
// only.

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <map>
#include <memory>
#include <mutex>

#include "common/http/server.h"

namespace weft::http {

class AnyConnection {
 public:
  virtual ~AnyConnection() = default;
  virtual void Start() = 0;
  virtual void Stop(bool cut) = 0;
  virtual std::uint64_t idle() const = 0;  // any thread: its number among the idle ones; zero: it is busy
  virtual void Yield() = 0;                // any thread, once: closes unless a request came meanwhile
};

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(boost::asio::io_context& context, DeferredHandler on_request, ServerOptions bounds, Connect make);

  void Accept();
  void Take(boost::asio::ip::tcp::socket socket);
  void Close(bool cut);
  void Remove(AnyConnection* connection);
  bool TakeStream();

  boost::asio::ip::tcp::acceptor acceptor;
  const DeferredHandler handler;
  const ServerOptions options;
  const Connect connect;
  std::atomic<bool> stopping{false};
  std::atomic<bool> dead{false};  // the Server is gone: late replies go nowhere
  std::atomic<std::size_t> streams{0};
  std::atomic<std::uint64_t> idles{0};  // so far
  mutable std::mutex mutex;
  std::map<AnyConnection*, std::weak_ptr<AnyConnection>> open;  // guarded by mutex
};

class Transport;

// A connection over it, not started yet.
std::shared_ptr<AnyConnection> Connect(std::shared_ptr<Server::State> state,
                                       std::unique_ptr<Transport> transport);

}  // namespace weft::http
