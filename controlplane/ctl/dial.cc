#include "controlplane/ctl/dial.h"

#include "common/http/client.h"

namespace weft::ctl {
namespace {

Result<Reply> CallServer(const net::HostPort& where, const std::string& token, const Request& request) {
  http::Request http{
      .method = request.method, .target = request.target, .headers = {}, .body = request.body, .peer = {}};
  if (!request.content_type.empty()) http.headers.emplace_back("Content-Type", request.content_type);
  if (!token.empty()) http.headers.emplace_back("Authorization", "Bearer " + token);
  http::CallOptions options;
  if (request.on_data) {
    options.on_data = request.on_data;
    options.timeout = std::chrono::seconds(90);  // a watch says something every 35 s at least
  }
  Result<http::Response> response = http::Call(where, http, options);
  if (!response) return response.error();
  return Reply{static_cast<unsigned>(response->status), std::move(response->body)};
}

}  // namespace

Result<Send> DialHttp(const std::string& server, const std::string& token) {
  const Result<http::Url> url = http::ParseUrl(server);
  if (!url) return Invalid(url.error().detail, "--server");
  return Send(
      [where = url->where, token](const Request& request) { return CallServer(where, token, request); });
}

}  // namespace weft::ctl
