#pragma once
// The server of common/http over TLS. Callers' verified certificates are in Request::peer_uri and peer_name.

#include "common/http/server.h"
#include "common/http/tls/context.h"

namespace weft::http::tls {

Result<std::unique_ptr<Server>> Listen(boost::asio::io_context& context, const net::Address& address,
                                       DeferredHandler handler, ServerOptions options,
                                       std::shared_ptr<Identity> identity);

}  // namespace weft::http::tls
