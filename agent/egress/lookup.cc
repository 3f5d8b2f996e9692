#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "agent/egress/hosts.h"

namespace weft::egress {
namespace {

using boost::asio::ip::tcp;

std::vector<net::Ip> AddressesOf(const tcp::resolver::results_type& results) {
  std::vector<net::Ip> out;
  for (const auto& entry : results) {
    if (const Result<net::Ip> ip = net::Ip::Parse(entry.endpoint().address().to_string()); ip)
      out.push_back(*ip);
  }
  return out;
}

}  // namespace

// getaddrinfo on Asio's own thread, which starts with the first name.
Lookup SystemLookup(void* io_context) {
  auto resolver = std::make_shared<tcp::resolver>(*static_cast<boost::asio::io_context*>(io_context));
  return [resolver](const std::string& name, std::function<void(std::vector<net::Ip>)> done) {
    resolver->async_resolve(name, "", tcp::resolver::address_configured,
                            [done = std::move(done)](const boost::system::error_code& error,
                                                     const tcp::resolver::results_type& results) {
                              done(error ? std::vector<net::Ip>() : AddressesOf(results));
                            });
  };
}

}  // namespace weft::egress
