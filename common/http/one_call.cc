#include "common/http/one_call.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace weft::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

// One call: resolve, connect, write, read. Lives as long as one of its operations. One strand; the timer
// closes all.
class OneCall final : public std::enable_shared_from_this<OneCall> {
 public:
  using Done = std::function<void(Result<Response>)>;

  OneCall(const Strand& strand, std::unique_ptr<Transport> transport, net::HostPort where,
          const Request& request, Done done, const CallOptions& options)
      : resolver_(strand),
        transport_(std::move(transport)),
        wire_(*transport_),
        timer_(strand),
        where_(std::move(where)),
        options_(options),
        done_(std::move(done)) {
    message_.version(11);
    message_.method_string(request.method);
    message_.target(request.target);
    const bool v6 = where_.host.find(':') != std::string::npos;
    message_.set(beast::http::field::host,
                 (v6 ? "[" + where_.host + "]" : where_.host) + ":" + std::to_string(where_.port));
    for (const auto& [name, value] : request.headers) message_.set(name, value);
    message_.body() = request.body;
    message_.keep_alive(false);
    message_.prepare_payload();
    if (options_.on_data) {
      parser_.body_limit(boost::none);
    } else {
      parser_.body_limit(options_.max_body);
    }
    parser_.skip(request.method == "HEAD");
  }

  void Start() {
    Arm();
    resolver_.async_resolve(
        where_.host, std::to_string(where_.port),
        [self = shared_from_this()](boost::system::error_code error, tcp::resolver::results_type found) {
          if (error) return self->Fail("resolve", error);
          self->Connect(found);
        });
  }

 private:
  void Arm() {
    timer_.expires_after(options_.timeout);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->Expire();
    });
  }

  void Connect(const tcp::resolver::results_type& found) {
    transport_->lowest().async_connect(
        found, [self = shared_from_this()](boost::system::error_code error, const tcp::endpoint&) {
          if (error) return self->Fail("connect to", error);
          self->transport_->Open([self](boost::system::error_code failed) {
            if (failed) return self->Fail("agree on TLS with", failed);
            self->Write();
          });
        });
  }

  void Write() {
    beast::http::async_write(wire_, message_,
                             [self = shared_from_this()](boost::system::error_code failed, std::size_t) {
                               // A server may answer and close before it has read
                               // everything: look for the answer all the same.
                               self->options_.on_data ? self->ReadSome(failed) : self->Read(failed);
                             });
  }

  void Read(boost::system::error_code write_error) {
    beast::http::async_read(
        wire_, buffer_, parser_,
        [self = shared_from_this(), write_error](boost::system::error_code error, std::size_t) {
          if (error) return self->FailRead(write_error, error);
          self->Finish();
        });
  }

  void ReadSome(boost::system::error_code write_error) {
    beast::http::async_read_some(
        wire_, buffer_, parser_,
        [self = shared_from_this(), write_error](boost::system::error_code error, std::size_t) {
          if (error) return self->FailRead(write_error, error);
          const bool good = self->parser_.is_header_done() && self->parser_.get().result_int() / 100 == 2;
          std::string& body = self->parser_.get().body();
          if (good && !body.empty()) {
            const bool more = self->options_.on_data(std::exchange(body, {}));
            if (!more) return self->Finish();
            self->Arm();
          }
          self->parser_.is_done() ? self->Finish() : self->ReadSome(write_error);
        });
  }

  void Finish() {
    Response response;
    auto message = parser_.release();
    response.status = message.result_int();
    const auto type = message[beast::http::field::content_type];
    response.content_type.assign(type.data(), type.size());
    for (const auto& field : message) {
      response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(message.body());
    Answer(std::move(response));
  }

  // What went wrong first is told.
  void FailRead(boost::system::error_code write_error, boost::system::error_code error) {
    write_error ? Fail("write to", write_error) : Fail("read from", error);
  }
  void Fail(const char* verb, boost::system::error_code error) {
    Answer(Error{ErrorKind::kUnavailable,
                 std::string("cannot ") + verb + " " + Where() + ": " + error.message(),
                 {},
                 {}});
  }
  void Expire() {
    Answer(Error{ErrorKind::kTimeout,
                 Where() + " did not answer within " + std::to_string(options_.timeout.count()) + " ms",
                 {},
                 {}});
  }
  std::string Where() const { return where_.host + ":" + std::to_string(where_.port); }

  void Answer(Result<Response> result) {
    if (!done_) return;
    const Done done = std::exchange(done_, nullptr);
    timer_.cancel();
    resolver_.cancel();
    boost::system::error_code ignored;
    transport_->lowest().socket().close(ignored);
    done(std::move(result));
  }

  tcp::resolver resolver_;
  std::unique_ptr<Transport> transport_;
  Wire wire_;
  asio::steady_timer timer_;
  net::HostPort where_;
  CallOptions options_;
  Done done_;
  beast::http::request<beast::http::string_body> message_;
  beast::http::response_parser<beast::http::string_body> parser_;
  beast::flat_buffer buffer_;
};

}  // namespace

void StartCall(const Strand& strand, std::unique_ptr<Transport> transport, const net::HostPort& where,
               const Request& request, std::function<void(Result<Response>)> done,
               const CallOptions& options) {
  std::make_shared<OneCall>(strand, std::move(transport), where, request, std::move(done), options)->Start();
}

}  // namespace weft::http
