#pragma once
// TLS as a transport of the server's connections and the client's calls. For this folder's .cc only.

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "common/http/tls/context.h"

namespace weft::http::tls {

class Link {
 public:
  template <class Socket>  // or an executor
  Link(ContextPtr context, Socket&& socket)
      : context_(std::move(context)),
        stream_(boost::beast::tcp_stream(std::forward<Socket>(socket)), *context_) {}

  auto& stream() { return stream_; }
  boost::beast::tcp_stream& lowest() { return stream_.next_layer(); }

 protected:
  ContextPtr context_;  // outlives the stream
  boost::asio::ssl::stream<boost::beast::tcp_stream> stream_;
};

}  // namespace weft::http::tls
