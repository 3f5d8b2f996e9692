#pragma once
// Asio's endpoints and our addresses. For this folder's .cc only.

#include <boost/asio/ip/tcp.hpp>

#include "common/net/address.h"

namespace weft::http {

boost::asio::ip::tcp::endpoint ToEndpoint(const net::Address& address);
net::Address FromEndpoint(const boost::asio::ip::tcp::endpoint& endpoint);  // a mapped IPv4 address as IPv4

}  // namespace weft::http
