// weftctl: talks to the control plane's REST API.
#include <cstdlib>
#include <iostream>

#include "common/http/client.h"
#include "common/time/time.h"
#include "controlplane/ctl/cli.h"

namespace {

using weft::Result;
using weft::ctl::Reply;
using weft::ctl::Request;
using weft::ctl::Send;

Result<Reply> CallServer(const weft::net::HostPort& where, const std::string& token, const Request& request) {
  weft::http::Request http{
      .method = request.method, .target = request.target, .headers = {}, .body = request.body, .peer = {}};
  if (!request.content_type.empty()) http.headers.emplace_back("Content-Type", request.content_type);
  if (!token.empty()) http.headers.emplace_back("Authorization", "Bearer " + token);
  Result<weft::http::Response> response = weft::http::Call(where, http);
  if (!response) return response.error();
  return Reply{static_cast<unsigned>(response->status), std::move(response->body)};
}

Result<Send> DialHttp(const std::string& server, const std::string& token) {
  const Result<weft::http::Url> url = weft::http::ParseUrl(server);
  if (!url) return weft::Invalid(url.error().detail, "--server");
  return Send(
      [where = url->where, token](const Request& request) { return CallServer(where, token, request); });
}

std::optional<std::string> Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

int main(int argc, char** argv) {
  const auto now =
      std::chrono::duration_cast<std::chrono::milliseconds>(weft::ReadWallClock().time_since_epoch());
  return weft::ctl::Run({argv + 1, argv + argc},
                        {std::cout, std::cerr, std::cin, Variable, DialHttp, now.count()});
}
