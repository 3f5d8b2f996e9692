#pragma once
// TLS as a transport of the server's connections and the client's calls. For this folder's .cc only.

#include <boost/asio/ssl/stream.hpp>

#include "common/http/tls/context.h"
#include "common/http/transport.h"

namespace weft::http::tls {

class Link : public Transport {
 public:
  template <class Socket>  // or an executor
  Link(ContextPtr context, Socket&& socket)
      : context_(std::move(context)),
        stream_(boost::beast::tcp_stream(std::forward<Socket>(socket)), *context_) {}

  boost::beast::tcp_stream& lowest() override { return stream_.next_layer(); }
  void Read(boost::asio::mutable_buffer into, Done done) override;
  void Write(const Buffers& from, Done done) override;
  void Shut(std::function<void()> done) override;

 protected:
  ContextPtr context_;  // outlives the stream
  boost::asio::ssl::stream<boost::beast::tcp_stream> stream_;
};

}  // namespace weft::http::tls
