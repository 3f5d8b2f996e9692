#include "controlplane/ctl/dial.h"

#include "common/http/tls/client.h"

namespace weft::ctl {
namespace {

struct Way {
  net::HostPort where;
  std::string token, server_name;
  http::tls::ContextPtr trust;  // null: plain text
};

Result<Reply> CallServer(const Way& way, const Request& request) {
  http::Request http{
      .method = request.method, .target = request.target, .headers = {}, .body = request.body, .peer = {}};
  if (!request.content_type.empty()) http.headers.emplace_back("Content-Type", request.content_type);
  if (!way.token.empty()) http.headers.emplace_back("Authorization", "Bearer " + way.token);
  http::CallOptions options;
  if (request.on_data) {
    options.on_data = request.on_data;
    options.timeout = std::chrono::seconds(90);  // a watch says something every 35 s at least
  }
  Result<http::Response> response =
      way.trust == nullptr ? http::Call(way.where, http, options)
                           : http::tls::Call(way.trust, way.server_name, way.where, http, options);
  if (!response) return response.error();
  return Reply{static_cast<unsigned>(response->status), std::move(response->body)};
}

}  // namespace

Result<Send> DialHttp(const std::string& server, const Login& login) {
  const Result<http::Url> url = http::ParseUrl(server);
  if (!url) return Invalid(url.error().detail, "--server");
  Way way{url->where, login.token, login.server_name, nullptr};
  if (url->tls) {
    auto trust = http::tls::MakeClientContext(http::tls::Files{login.cert, login.key, login.ca});
    if (!trust) return trust.error();
    way.trust = std::move(*trust);
  } else if (!login.ca.empty() || !login.cert.empty()) {
    return Invalid("is plain text; write https://" + server + ", or leave --ca and --cert out", "--server");
  }
  return Send([way = std::move(way)](const Request& request) { return CallServer(way, request); });
}

}  // namespace weft::ctl
