#include "common/http/client.h"

#include "common/http/one_call.h"

namespace weft::http {
namespace {

class PlainCall {
 public:
  explicit PlainCall(const Strand& strand) : stream_(strand) {}
  beast::tcp_stream& stream() { return stream_; }
  beast::tcp_stream& lowest() { return stream_; }
  template <class Done>
  void Open(Done&& done) {
    done(boost::system::error_code());
  }

 private:
  beast::tcp_stream stream_;
};

}  // namespace

void CallAsync(asio::io_context& context, const net::HostPort& where, const Request& request,
               std::function<void(Result<Response>)> done, CallOptions options) {
  const Strand strand = asio::make_strand(context);
  std::make_shared<OneCall<PlainCall>>(strand, PlainCall(strand), where, request, std::move(done), options)
      ->Start();
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
