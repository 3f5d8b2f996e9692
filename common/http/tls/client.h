#pragma once
// The client of common/http over TLS. The server's certificate must be of a trusted CA and have the name.

#include "common/http/client.h"
#include "common/http/tls/context.h"

namespace weft::http::tls {

// As http::Call. `server_name` empty: the host of `where`.
Result<Response> Call(const ContextPtr& trust, const std::string& server_name, const net::HostPort& where,
                      const Request& request, CallOptions options = {});

// As http::CallAsync.
void CallAsync(boost::asio::io_context& context, const ContextPtr& trust, const std::string& server_name,
               const net::HostPort& where, const Request& request, std::function<void(Result<Response>)> done,
               CallOptions options = {});

}  // namespace weft::http::tls
