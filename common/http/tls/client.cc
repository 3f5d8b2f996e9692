#include "common/http/tls/client.h"

#include <boost/asio/ssl/host_name_verification.hpp>

#include "common/http/one_call.h"
#include "common/http/tls/link.h"

namespace weft::http::tls {

namespace asio = boost::asio;

namespace {

class ClientLink final : public Link {
 public:
  ClientLink(ContextPtr context, const Strand& strand, const std::string& name)
      : Link(std::move(context), strand) {
    stream_.set_verify_callback(asio::ssl::host_name_verification(name));
    if (!net::Ip::Parse(name)) SSL_set_tlsext_host_name(stream_.native_handle(), name.c_str());
  }
  void Open(std::function<void(boost::system::error_code)> done) override {
    stream_.async_handshake(asio::ssl::stream_base::client, std::move(done));
  }
};

}  // namespace

void CallAsync(asio::io_context& context, const ContextPtr& trust, const std::string& server_name,
               const net::HostPort& where, const Request& request, std::function<void(Result<Response>)> done,
               CallOptions options) {
  const Strand strand = asio::make_strand(context);
  StartCall(strand,
            std::make_unique<ClientLink>(trust, strand, server_name.empty() ? where.host : server_name),
            where, request, std::move(done), options);
}

Result<Response> Call(const ContextPtr& trust, const std::string& server_name, const net::HostPort& where,
                      const Request& request, CallOptions options) {
  asio::io_context context(1);
  Result<Response> out = Error{ErrorKind::kInternal, "the call ended without an answer", {}, {}};
  CallAsync(
      context, trust, server_name, where, request,
      [&out](Result<Response> result) { out = std::move(result); }, options);
  context.run();
  return out;
}

}  // namespace weft::http::tls
