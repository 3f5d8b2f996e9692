#pragma once
// A small HTTP/1.1 client for weftctl, tests and webhooks: one connection per call, no redirects; TLS is in
// tls/. Answers of any status are results; errors are those of the connection (kUnavailable), of time
// (kTimeout), of malformed or too large answers (kInternal).

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "common/http/message.h"

namespace weft::http {

struct CallOptions {
  std::chrono::milliseconds timeout{10'000};  // for everything, name resolution included
  std::size_t max_body = 64 << 20;
  // Of an answer whose status is 2xx: its bytes as they come, without end; `timeout` then bounds the silence
  // between them. False: enough, the call ends well. The Response has no body.
  std::function<bool(std::string_view)> on_data = nullptr;
};

// Blocks the calling thread. `where` may be a name. Adds Host and Content-Length.
Result<Response> Call(const net::HostPort& where, const Request& request, CallOptions options = {});

// Answers on a thread of `context`.
void CallAsync(boost::asio::io_context& context, const net::HostPort& where, const Request& request,
               std::function<void(Result<Response>)> done, CallOptions options = {});

struct Url {
  net::HostPort where;
  std::string target = "/";
  bool tls = false;
};
Result<Url> ParseUrl(std::string_view text);  // "http://host:port/path", "https://…"; "host:port" too

}  // namespace weft::http
