#pragma once
// One call of the client, over any transport. For client.cc and tls/ only.

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include "common/http/client.h"
#include "common/http/transport.h"

namespace weft::http {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;

// Begins it; `transport` runs on the strand. done is called once, on the strand.
void StartCall(const Strand& strand, std::unique_ptr<Transport> transport, const net::HostPort& where,
               const Request& request, std::function<void(Result<Response>)> done,
               const CallOptions& options);

}  // namespace weft::http
