#include "controlplane/kube/client.h"

#include "common/file/file.h"
#include "common/http/tls/client.h"
#include "controlplane/api/json.h"

namespace weft::kube {
namespace {

constexpr std::size_t kMostToken = 64 << 10;

ErrorKind KindOf(int status) {
  switch (status) {
    case 401: return ErrorKind::kUnauthenticated;
    case 403: return ErrorKind::kForbidden;
    case 404: return ErrorKind::kNotFound;
    case 409: return ErrorKind::kConflict;
    case 410: return ErrorKind::kGone;
    case 422: return ErrorKind::kInvalid;
    case 429: return ErrorKind::kOverloaded;
    default: return ErrorKind::kUnavailable;
  }
}

}  // namespace

Error ErrorOf(const http::Response& response, const std::string& what) {
  const Json body = Json::parse(response.body, nullptr, false);
  std::string message = response.body.substr(0, 200);
  if (body.is_object() && body.contains("message") && body["message"].is_string())
    message = body["message"].get<std::string>().substr(0, 500);
  return {KindOf(response.status),
          "the API server answers " + std::to_string(response.status) + " to " + what + ": " + message,
          {},
          {}};
}

Result<http::Request> Client::Authorised(http::Request request) const {
  std::string token = config_.token;
  if (!config_.token_file.empty()) {
    auto read = file::Read(config_.token_file, kMostToken);
    if (!read) return read.error();
    token = std::move(*read);
    while (!token.empty() && (token.back() == '\n' || token.back() == ' ')) token.pop_back();
  }
  if (!token.empty()) request.headers.emplace_back("Authorization", "Bearer " + token);
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("User-Agent", "weft-control");
  return request;
}

void Client::Async(boost::asio::io_context& context, http::Request request,
                   std::function<void(Result<http::Response>)> done, http::CallOptions options) const {
  const std::string what = request.method + " " + std::string(request.Path());
  auto ready = Authorised(std::move(request));
  if (!ready) return done(ready.error());
  auto judge = [done = std::move(done), what](Result<http::Response> answer) {
    if (answer && answer->status / 100 != 2) return done(ErrorOf(*answer, what));
    done(std::move(answer));
  };
  if (config_.tls != nullptr)
    http::tls::CallAsync(context, config_.tls, config_.server_name, config_.server, *ready, judge, options);
  else
    http::CallAsync(context, config_.server, *ready, judge, options);
}

Result<Json> Client::Call(const std::string& method, const std::string& path, const Json& body,
                          const std::string& type) const {
  http::Request request;
  request.method = method;
  request.target = path;
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.emplace_back("Content-Type", type);
  }
  auto ready = Authorised(std::move(request));
  if (!ready) return ready.error();
  auto answer = config_.tls != nullptr
                    ? http::tls::Call(config_.tls, config_.server_name, config_.server, *ready)
                    : http::Call(config_.server, *ready);
  if (!answer) return answer.error();
  if (answer->status / 100 != 2) return ErrorOf(*answer, method + " " + path);
  Json json;
  if (auto ok = api::ParseJson(answer->body, json); !ok) return ok.error();
  if (!json.is_object()) return Invalid("the API server answers no object to " + method + " " + path);
  return Result<Json>(boost::system::in_place_value, std::move(json));
}

}  // namespace weft::kube
