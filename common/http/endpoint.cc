#include "common/http/endpoint.h"

namespace weft::http {

boost::asio::ip::tcp::endpoint ToEndpoint(const net::Address& address) {
  namespace asio = boost::asio;
  if (!address.ip.v6) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy_n(address.ip.bytes.begin(), 4, bytes.begin());
    return {asio::ip::address_v4(bytes), address.port};
  }
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(address.ip.bytes.begin(), 16, bytes.begin());
  return {asio::ip::address_v6(bytes), address.port};
}

net::Address FromEndpoint(const boost::asio::ip::tcp::endpoint& endpoint) {
  namespace asio = boost::asio;
  net::Address out;
  out.port = endpoint.port();
  if (endpoint.address().is_v4()) {
    const auto bytes = endpoint.address().to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.ip.bytes.begin());
    return out;
  }
  const auto v6 = endpoint.address().to_v6();
  if (v6.is_v4_mapped()) {
    const auto bytes = asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.ip.bytes.begin());
    return out;
  }
  const auto bytes = v6.to_bytes();
  out.ip.v6 = true;
  std::copy(bytes.begin(), bytes.end(), out.ip.bytes.begin());
  return out;
}

}  // namespace weft::http
