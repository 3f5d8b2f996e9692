#include "common/http/client.h"

#include "common/http/one_call.h"

namespace weft::http {

namespace asio = boost::asio;

void CallAsync(asio::io_context& context, const net::HostPort& where, const Request& request,
               std::function<void(Result<Response>)> done, CallOptions options) {
  const Strand strand = asio::make_strand(context);
  StartCall(strand, std::make_unique<PlainTransport>(strand), where, request, std::move(done), options);
}

Result<Response> Call(const net::HostPort& where, const Request& request, CallOptions options) {
  asio::io_context context(1);
  Result<Response> out = Error{ErrorKind::kInternal, "the call ended without an answer", {}, {}};
  CallAsync(
      context, where, request, [&out](Result<Response> result) { out = std::move(result); }, options);
  context.run();
  return out;
}

Result<Url> ParseUrl(std::string_view text) {
  const bool tls = text.starts_with("https://");
  if (tls) text.remove_prefix(8);
  if (text.starts_with("http://")) text.remove_prefix(7);
  const auto slash = std::min(text.find('/'), text.size());
  auto where = net::HostPort::Parse(text.substr(0, slash));
  if (!where) return where.error();
  return Url{std::move(*where), slash == text.size() ? "/" : std::string(text.substr(slash)), tls};
}

}  // namespace weft::http
