#include "common/http/server.h"

#include "common/http/endpoint.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>

namespace weft::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using Wire = beast::http::response<beast::http::string_body>;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class Connection;

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::io_context& context, DeferredHandler on_request, ServerOptions bounds)
      : acceptor(asio::make_strand(context)), handler(std::move(on_request)), options(bounds) {}

  void Accept();
  void Take(tcp::socket socket);
  void Close(bool cut);
  void Remove(Connection* connection);
  bool TakeStream();

  tcp::acceptor acceptor;
  const DeferredHandler handler;
  const ServerOptions options;
  std::atomic<bool> stopping{false};
  std::atomic<bool> dead{false};  // the Server is gone: late replies go nowhere
  std::atomic<std::size_t> streams{0};
  std::atomic<std::uint64_t> idles{0};  // so far
  mutable std::mutex mutex;
  std::map<Connection*, std::weak_ptr<Connection>> open;  // guarded by mutex
};

// One connection: read a request, have it answered, write, again. Lives as long as an operation of its own or
// a pending Reply holds it. Everything runs on the stream's strand.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Server::State> server)
      : stream_(std::move(socket)),
        server_(std::move(server)),
        grace_(stream_.get_executor()),
        buffer_(kBufferMost) {
    boost::system::error_code ignored;
    peer_ = FromEndpoint(stream_.socket().remote_endpoint(ignored));
  }
  ~Connection() {
    if (streams_) --server_->streams;
    server_->Remove(this);
  }

  void Start() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->AwaitRequest(); });
  }
  void Stop(bool cut) {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this(), cut] {
      if (cut) self->pending_.reset();
      if (self->body_ && !cut) return self->EndStream();
      if (cut || self->idle_ != 0) self->Close();
    });
  }

  std::uint64_t idle() const { return yields_ ? 0 : idle_.load(); }  // any thread
  // Any thread, once: closes unless a request came meanwhile.
  void Yield() {
    yields_ = true;
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->yields_ = false;
      if (self->idle_ != 0) self->Close();
    });
  }

 private:
  static constexpr std::size_t kBufferMost = 64 << 10;
  static constexpr std::chrono::seconds kGrace{1};

  void AwaitRequest() {
    if (server_->stopping) return Close();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_->options.max_head));
    parser_->body_limit(server_->options.max_body);
    idle_ = buffer_.size() == 0 ? ++server_->idles : 0;
    if (idle_ == 0) return ReadHead();
    stream_.expires_after(server_->options.idle_timeout);
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
                              self->idle_ = 0;
                              if (error) return self->Close();
                              self->buffer_.commit(n);
                              self->ReadHead();
                            });
  }

  void ReadHead() {
    stream_.expires_after(server_->options.request_timeout);
    beast::http::async_read_header(stream_, buffer_, *parser_,
                                   [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                                     if (error) return self->Refuse(error);
                                     self->ReadBody();
                                   });
  }

  void ReadBody() {
    const bool expects = beast::iequals(parser_->get()[beast::http::field::expect], "100-continue");
    if (expects && !parser_->is_done()) return SendContinue();
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                              if (error) return self->Refuse(error);
                              self->Dispatch();
                            });
  }

  void SendContinue() {
    const auto length = parser_->content_length();
    if (length && *length > server_->options.max_body) return Refuse(beast::http::error::body_limit);
    parser_->get().erase(beast::http::field::expect);
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        if (error) return self->Close();
                        self->ReadBody();
                      });
  }

  void Refuse(boost::system::error_code error) {
    if (error == beast::http::error::body_limit) {
      return Write(
          ErrorResponse({ErrorKind::kTooLarge,
                         "the body is larger than " + std::to_string(server_->options.max_body) + " bytes",
                         {},
                         {}}),
          false);
    }
    if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow) {
      Response response = ErrorResponse(
          {ErrorKind::kTooLarge,
           "the request head is larger than " + std::to_string(server_->options.max_head) + " bytes",
           {},
           {}});
      response.status = 431;
      return Write(std::move(response), false);
    }
    const bool gone =
        error == beast::http::error::end_of_stream || error == beast::http::error::partial_message ||
        error.category() != beast::http::make_error_code(beast::http::error::bad_method).category();
    if (gone) return Close();
    Write(ErrorResponse(Invalid("not an HTTP/1.1 request: " + error.message())), false);
  }

  // Answers 500 from its destructor unless it was used.
  struct Once {
    explicit Once(std::shared_ptr<Connection> held) : connection(std::move(held)) {}
    std::shared_ptr<Connection> connection;
    std::atomic<bool> used{false};
    void Use(Response response) {
      if (used.exchange(true) || connection->server_->dead) return;
      asio::post(connection->stream_.get_executor(),
                 [self = connection, moved = std::move(response)]() mutable {
                   self->Write(std::move(moved), true);
                 });
    }
    ~Once() { Use(ErrorResponse({ErrorKind::kInternal, "the handler gave no answer", {}, {}})); }
  };

  void Dispatch() {
    stream_.expires_never();
    auto message = parser_->release();
    keep_alive_ = message.keep_alive();
    version_ = message.version();
    head_only_ = message.method() == beast::http::verb::head;
    Request request;
    request.method = View(message.method_string());
    request.target = View(message.target());
    request.peer = peer_;
    for (const auto& field : message)
      request.headers.emplace_back(View(field.name_string()), View(field.value()));
    request.body = std::move(message.body());
    pending_.emplace(stream_.get_executor());
    auto once = std::make_shared<Once>(shared_from_this());
    server_->handler(std::move(request), [once](Response response) { once->Use(std::move(response)); });
  }

  // The head, then a piece at a time; a read is always pending, to see the peer go.
  void BeginStream(Response response) {
    body_ = std::move(response.stream);
    outgoing_ = "HTTP/1.1 " + std::to_string(response.status) + " " +
                std::string(beast::http::obsolete_reason(static_cast<beast::http::status>(response.status))) +
                "\r\nContent-Type: " + response.content_type + "\r\nConnection: close\r\n";
    for (const auto& [name, value] : response.headers) outgoing_ += name + ": " + value + "\r\n";
    outgoing_ += version_ == 11 ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
    stream_.expires_never();
    WatchPeer();
    // Holds nothing of the context: a source may keep it for longer.
    body_->Start([weak = weak_from_this()] {
      if (const auto self = weak.lock()) asio::post(self->stream_.get_executor(), [weak] { WakeUp(weak); });
    });
    WriteOut();
  }

  static void WakeUp(const std::weak_ptr<Connection>& weak) {
    if (const auto self = weak.lock()) self->WritePiece();
  }

  void WatchPeer() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(1024),
                            [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                              if (!error) return self->WatchPeer();  // what it says now is of no interest
                              self->body_.reset();
                              self->written_ ? self->Finish() : self->Close();
                            });
  }

  void WritePiece() {
    if (writing_ || !body_) return;
    Stream::Piece piece = body_->Next();
    if (server_->stopping) piece.last = true;
    if (piece.bytes.empty() && !piece.last) return;
    const bool chunked = version_ == 11;
    if (!piece.bytes.empty()) {
      char size[24];
      const auto end = std::to_chars(size, size + sizeof size, piece.bytes.size(), 16).ptr;
      outgoing_ = chunked ? std::string(size, end) + "\r\n" + piece.bytes + "\r\n" : std::move(piece.bytes);
    }
    if (piece.last && chunked) outgoing_ += "0\r\n\r\n";
    written_ = piece.last;
    WriteOut();
  }

  void WriteOut() {
    writing_ = true;
    stream_.expires_after(server_->options.request_timeout);
    asio::async_write(stream_, asio::buffer(outgoing_),
                      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                        self->writing_ = false;
                        self->outgoing_.clear();
                        if (error) return self->Close();
                        if (self->written_) return self->stream_.cancel();  // WatchPeer goes on from there
                        self->WritePiece();
                      });
  }

  void EndStream() {
    if (!writing_) return WritePiece();
    grace_.expires_after(kGrace);  // a slow reader is cut; what is done sooner ends whole by itself
    grace_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->Close();
    });
  }

  void Write(Response response, bool may_keep) {
    pending_.reset();
    if (response.stream && !head_only_) {
      streams_ = server_->TakeStream();
      if (streams_) return BeginStream(std::move(response));
      response = ErrorResponse({ErrorKind::kOverloaded,
                                "too many watches are open (" +
                                    std::to_string(server_->options.max_connections / 2) +
                                    "); end some, or use the gRPC stream",
                                {},
                                {}});
    }
    wire_ = std::make_unique<Wire>(static_cast<beast::http::status>(response.status), version_);
    for (const auto& [name, value] : response.headers) wire_->insert(name, value);
    if (!response.content_type.empty()) wire_->set(beast::http::field::content_type, response.content_type);
    wire_->keep_alive(may_keep && keep_alive_ && !server_->stopping);
    const std::size_t size = response.body.size();
    if (!head_only_) wire_->body() = std::move(response.body);
    if (response.status != 204 && response.status != 304) wire_->content_length(size);
    stream_.expires_after(server_->options.request_timeout);
    beast::http::async_write(stream_, *wire_,
                             [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                               const bool more = !error && self->wire_->keep_alive();
                               self->wire_.reset();
                               more ? self->AwaitRequest() : self->Finish();
                             });
  }

  // Half-close, then read a little, so that a peer that still sends sees the answer and not a reset.
  void Finish() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    drained_ = 0;
    stream_.expires_after(std::chrono::seconds(1));
    Drain();
  }
  void Drain() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(16 << 10),
                            [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
                              self->drained_ += n;
                              if (error || self->drained_ > (256U << 10)) return self->Close();
                              self->Drain();
                            });
  }

  void Close() {
    boost::system::error_code ignored;
    stream_.socket().close(ignored);
  }

  beast::tcp_stream stream_;
  std::shared_ptr<Server::State> server_;
  asio::steady_timer grace_;  // of a streamed answer when the server stops
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  std::unique_ptr<Wire> wire_;
  std::shared_ptr<Stream> body_;  // while one is sent
  std::string outgoing_;          // of it
  bool writing_ = false;          // of it: a write is under way
  bool written_ = false;          // of it: the last piece was handed over
  // The context must not run dry while a reply is due.
  std::optional<asio::executor_work_guard<beast::tcp_stream::executor_type>> pending_;
  net::Address peer_;
  std::size_t drained_ = 0;
  unsigned version_ = 11;
  bool keep_alive_ = false;
  bool head_only_ = false;
  bool streams_ = false;                // counts in State::streams
  std::atomic<std::uint64_t> idle_{0};  // between requests: how many were so before it; zero: it has one
  std::atomic<bool> yields_{false};     // Yield is on its way
};

namespace {

std::vector<std::shared_ptr<Connection>> Living(
    const std::map<Connection*, std::weak_ptr<Connection>>& open) {
  std::vector<std::shared_ptr<Connection>> out;
  for (const auto& [raw, weak] : open) {
    if (auto held = weak.lock()) out.push_back(std::move(held));
  }
  return out;
}

Error ListenError(const net::Address& address, const boost::system::error_code& error) {
  std::string text = "cannot listen on " + address.ToString() + ": " + error.message();
  if (error == asio::error::address_in_use)
    text += "; stop what uses it or choose another port (0 takes a free one)";
  if (error == asio::error::access_denied) text += "; ports below 1024 need privileges";
  return {ErrorKind::kUnavailable, std::move(text), {}, {}};
}

}  // namespace

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
  std::vector<std::shared_ptr<Connection>> living;
  const auto connection = std::make_shared<Connection>(std::move(socket), shared_from_this());
  const std::lock_guard lock(mutex);
  if (open.size() >= options.max_connections) {
    living = Living(open);
    Connection* yields = nullptr;
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

void Server::State::Remove(Connection* connection) {
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
  std::vector<std::shared_ptr<Connection>> living;
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
  auto state = std::make_shared<State>(context, std::move(handler), options);
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
