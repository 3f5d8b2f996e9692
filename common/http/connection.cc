// One connection of a server, over any transport.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <charconv>
#include <optional>

#include "common/http/endpoint.h"
#include "common/http/server_state.h"
#include "common/http/transport.h"

namespace weft::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using Message = beast::http::response<beast::http::string_body>;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// One connection: read a request, have it answered, write, again. Lives as long as an operation of its own or
// a pending Reply holds it. Everything runs on the stream's strand.
class Connection final : public AnyConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Server::State> server, std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)),
        wire_(*transport_),
        server_(std::move(server)),
        grace_(Lowest().get_executor()),
        buffer_(kBufferMost) {
    boost::system::error_code ignored;
    peer_ = FromEndpoint(Lowest().socket().remote_endpoint(ignored));
  }
  ~Connection() override {
    if (streams_) --server_->streams;
    server_->Remove(this);
  }

  void Start() override {
    asio::dispatch(Lowest().get_executor(), [self = Self()] { self->Open(); });
  }
  void Stop(bool cut) override {
    asio::dispatch(Lowest().get_executor(), [self = Self(), cut] {
      if (cut) self->pending_.reset();
      if (self->body_ && !cut) return self->EndStream();
      if (cut || self->idle_ != 0) self->Close();
    });
  }

  std::uint64_t idle() const override { return yields_ ? 0 : idle_.load(); }
  void Yield() override {
    yields_ = true;
    asio::post(Lowest().get_executor(), [self = Self()] {
      self->yields_ = false;
      if (self->idle_ != 0) self->Close();
    });
  }

 private:
  static constexpr std::size_t kBufferMost = 64 << 10;
  static constexpr std::chrono::seconds kGrace{1};

  std::shared_ptr<Connection> Self() { return shared_from_this(); }
  beast::tcp_stream& Lowest() { return transport_->lowest(); }

  void Open() {
    idle_ = ++server_->idles;  // whoever takes its time to begin yields to others
    Lowest().expires_after(server_->options.request_timeout);
    transport_->Open([self = Self()](boost::system::error_code error) {
      self->idle_ = 0;
      error ? self->Close() : self->AwaitRequest();
    });
  }

  void AwaitRequest() {
    if (server_->stopping) return Close();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_->options.max_head));
    parser_->body_limit(server_->options.max_body);
    idle_ = buffer_.size() == 0 ? ++server_->idles : 0;
    if (idle_ == 0) return ReadHead();
    Lowest().expires_after(server_->options.idle_timeout);
    wire_.async_read_some(buffer_.prepare(4096),
                          [self = Self()](boost::system::error_code error, std::size_t n) {
                            self->idle_ = 0;
                            if (error) return self->Close();
                            self->buffer_.commit(n);
                            self->ReadHead();
                          });
  }

  void ReadHead() {
    Lowest().expires_after(server_->options.request_timeout);
    beast::http::async_read_header(wire_, buffer_, *parser_,
                                   [self = Self()](boost::system::error_code error, std::size_t) {
                                     if (error) return self->Refuse(error);
                                     self->ReadBody();
                                   });
  }

  void ReadBody() {
    const bool expects = beast::iequals(parser_->get()[beast::http::field::expect], "100-continue");
    if (expects && !parser_->is_done()) return SendContinue();
    beast::http::async_read(wire_, buffer_, *parser_,
                            [self = Self()](boost::system::error_code error, std::size_t) {
                              if (error) return self->Refuse(error);
                              self->Dispatch();
                            });
  }

  void SendContinue() {
    const auto length = parser_->content_length();
    if (length && *length > server_->options.max_body) return Refuse(beast::http::error::body_limit);
    parser_->get().erase(beast::http::field::expect);
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(wire_, asio::buffer(kContinue),
                      [self = Self()](boost::system::error_code error, std::size_t) {
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
      asio::post(connection->Lowest().get_executor(),
                 [self = connection, moved = std::move(response)]() mutable {
                   self->Write(std::move(moved), true);
                 });
    }
    ~Once() { Use(ErrorResponse({ErrorKind::kInternal, "the handler gave no answer", {}, {}})); }
  };

  void Dispatch() {
    Lowest().expires_never();
    auto message = parser_->release();
    keep_alive_ = message.keep_alive();
    version_ = message.version();
    head_only_ = message.method() == beast::http::verb::head;
    Request request;
    request.method = View(message.method_string());
    request.target = View(message.target());
    request.peer = peer_;
    transport_->Fill(request);
    for (const auto& field : message)
      request.headers.emplace_back(View(field.name_string()), View(field.value()));
    request.body = std::move(message.body());
    pending_.emplace(Lowest().get_executor());
    auto once = std::make_shared<Once>(Self());
    server_->handler(std::move(request), [once](Response response) { once->Use(std::move(response)); });
  }

  // The head, then a piece at a time; a read is always pending, to see the peer go.
  void BeginStream(Response response) {
    body_ = std::move(response.stream);
    outgoing_ = "HTTP/1.1 " + std::to_string(response.status) + " " +
                std::string(beast::http::obsolete_reason(static_cast<beast::http::status>(response.status))) +
                "\r\nContent-Type: " + response.content_type + "\r\nConnection: close\r\n";
    for (const auto& [name, value] : response.headers)
      outgoing_.append(name).append(": ").append(value).append("\r\n");
    outgoing_ += version_ == 11 ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
    Lowest().expires_never();
    WatchPeer();
    // Holds nothing of the context: a source may keep it for longer.
    body_->Start([weak = weak_from_this()] {
      if (const auto self = weak.lock()) asio::post(self->Lowest().get_executor(), [weak] { WakeUp(weak); });
    });
    WriteOut();
  }

  static void WakeUp(const std::weak_ptr<Connection>& weak) {
    if (const auto self = weak.lock()) self->WritePiece();
  }

  void WatchPeer() {
    buffer_.clear();
    wire_.async_read_some(buffer_.prepare(1024),
                          [self = Self()](boost::system::error_code error, std::size_t) {
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
    Lowest().expires_after(server_->options.request_timeout);
    asio::async_write(wire_, asio::buffer(outgoing_),
                      [self = Self()](boost::system::error_code error, std::size_t) {
                        self->writing_ = false;
                        self->outgoing_.clear();
                        if (error) return self->Close();
                        if (self->written_) return self->Lowest().cancel();  // WatchPeer goes on from there
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
    message_ = std::make_unique<Message>(static_cast<beast::http::status>(response.status), version_);
    for (const auto& [name, value] : response.headers) message_->insert(name, value);
    if (!response.content_type.empty())
      message_->set(beast::http::field::content_type, response.content_type);
    message_->keep_alive(may_keep && keep_alive_ && !server_->stopping);
    const std::size_t size = response.body.size();
    if (!head_only_) message_->body() = std::move(response.body);
    if (response.status != 204 && response.status != 304) message_->content_length(size);
    Lowest().expires_after(server_->options.request_timeout);
    beast::http::async_write(wire_, *message_, [self = Self()](boost::system::error_code error, std::size_t) {
      const bool more = !error && self->message_->keep_alive();
      self->message_.reset();
      more ? self->AwaitRequest() : self->Finish();
    });
  }

  // Half-close, then read a little, so that a peer that still sends sees the answer and not a reset.
  void Finish() {
    drained_ = 0;
    Lowest().expires_after(std::chrono::seconds(1));
    transport_->Shut([self = Self()] {
      boost::system::error_code ignored;
      self->Lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
      self->Drain();
    });
  }
  void Drain() {
    buffer_.clear();
    wire_.async_read_some(buffer_.prepare(16 << 10),
                          [self = Self()](boost::system::error_code error, std::size_t n) {
                            self->drained_ += n;
                            if (error || self->drained_ > (256U << 10)) return self->Close();
                            self->Drain();
                          });
  }

  void Close() {
    boost::system::error_code ignored;
    Lowest().socket().close(ignored);
  }

  std::unique_ptr<Transport> transport_;
  Wire wire_;
  std::shared_ptr<Server::State> server_;
  asio::steady_timer grace_;  // of a streamed answer when the server stops
  beast::flat_buffer buffer_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  std::unique_ptr<Message> message_;
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

}  // namespace

std::shared_ptr<AnyConnection> Connect(std::shared_ptr<Server::State> state,
                                       std::unique_ptr<Transport> transport) {
  return std::make_shared<Connection>(std::move(state), std::move(transport));
}

}  // namespace weft::http
