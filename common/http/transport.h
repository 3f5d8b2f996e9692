#pragma once
// Bytes both ways between two peers, in the clear or over TLS: calls and connections, and what they have of
// Beast, are compiled once for all transports. For this folder's .cc and tls/ only. Everything runs on the
// executor of lowest().

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/http/message.h"

namespace weft::http {

class Transport {
 public:
  using Buffers = std::vector<boost::asio::const_buffer>;
  using Done = std::function<void(boost::system::error_code, std::size_t)>;

  virtual ~Transport() = default;

  // The TCP stream below: its time limit, its end.
  virtual boost::beast::tcp_stream& lowest() = 0;
  virtual void Read(boost::asio::mutable_buffer into, Done done) = 0;  // at least a byte
  virtual void Write(const Buffers& from, Done done) = 0;              // at least a byte

  // Makes it ready once lowest() is connected.
  virtual void Open(std::function<void(boost::system::error_code)> done) = 0;
  // Says goodbye, before the TCP stream is shut.
  virtual void Shut(std::function<void()> done) = 0;
  // Adds what it knows of the caller.
  virtual void Fill(Request&) const {}
};

// A Transport as Beast and Asio want their streams.
class Wire {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;

  explicit Wire(Transport& transport) : transport_(transport) {}
  executor_type get_executor() { return transport_.lowest().get_executor(); }

  template <class MutableBuffers, class Handler>
  void async_read_some(const MutableBuffers& buffers, Handler&& handler) {
    transport_.Read(*boost::asio::buffer_sequence_begin(buffers), Erase(std::forward<Handler>(handler)));
  }
  template <class ConstBuffers, class Handler>
  void async_write_some(const ConstBuffers& buffers, Handler&& handler) {
    transport_.Write({boost::asio::buffer_sequence_begin(buffers), boost::asio::buffer_sequence_end(buffers)},
                     Erase(std::forward<Handler>(handler)));
  }

 private:
  // Beast's handlers move only, std::function copies.
  template <class Handler>
  static Transport::Done Erase(Handler&& handler) {
    auto held = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler));
    return [held](boost::system::error_code error, std::size_t n) { std::move (*held)(error, n); };
  }

  Transport& transport_;
};

// In the clear.
class PlainTransport final : public Transport {
 public:
  template <class Socket>  // or an executor
  explicit PlainTransport(Socket&& socket) : stream_(std::forward<Socket>(socket)) {}

  boost::beast::tcp_stream& lowest() override { return stream_; }
  void Read(boost::asio::mutable_buffer into, Done done) override;
  void Write(const Buffers& from, Done done) override;
  void Open(std::function<void(boost::system::error_code)> done) override { done({}); }
  void Shut(std::function<void()> done) override { done(); }

 private:
  boost::beast::tcp_stream stream_;
};

}  // namespace weft::http
