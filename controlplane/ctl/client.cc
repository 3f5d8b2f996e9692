#include "controlplane/ctl/client.h"

namespace weft::ctl {
namespace {

ErrorKind KindOfStatus(unsigned status) {
  switch (status) {
    case 401: return ErrorKind::kUnauthenticated;
    case 403: return ErrorKind::kForbidden;
    case 404: return ErrorKind::kNotFound;
    case 409: return ErrorKind::kConflict;
    case 410: return ErrorKind::kGone;
    case 412: return ErrorKind::kPreconditionFailed;
    case 413: return ErrorKind::kTooLarge;
    case 429: return ErrorKind::kOverloaded;
    case 501: return ErrorKind::kUnsupported;
    case 503: return ErrorKind::kUnavailable;
    case 504: return ErrorKind::kTimeout;
    default: return status >= 500 ? ErrorKind::kInternal : ErrorKind::kInvalid;
  }
}

std::string Remedy(unsigned status) {
  if (status == 401) return "; pass --token-file FILE or set WEFT_TOKEN_FILE";
  if (status == 403) return "; use a token whose role allows this";
  return {};
}

Error RefusalOf(const Reply& reply, const Request& request) {
  const Json body = Json::parse(reply.body, nullptr, false);
  Error error{KindOfStatus(reply.status), {}, {}, {}};
  if (body.is_object() && body.contains("error") && body["error"].is_object()) {
    error.detail = Text(body["error"], "message");
    error.field = Text(body["error"], "field");
    error.where = Text(body["error"], "where");
  }
  if (error.detail.empty()) {
    error.detail = "the server answered " + std::to_string(reply.status) + " to " + request.method + " " +
                   request.target;
  }
  error.detail += Remedy(reply.status);
  return error;
}

}  // namespace

std::string Escape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.' || c == '~';
    if (safe) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

Result<Json> Client::Put(std::string target, const Json& body) const {
  return Call({"PUT", std::move(target), body.dump(), "application/json", nullptr});
}

Result<Json> Client::Post(std::string target, std::string body, std::string content_type) const {
  return Call({"POST", std::move(target), std::move(body), std::move(content_type), nullptr});
}

Result<Reply> Client::Answered(const Request& request) const {
  Result<Reply> reply = send_(request);
  if (!reply) {
    return Error{reply.error().kind,
                 "cannot reach " + server_ + ": " + reply.error().Text() +
                     "; is weft-control running there? --server and WEFT_SERVER say where",
                 {},
                 {}};
  }
  if (reply->status / 100 != 2) return RefusalOf(*reply, request);
  return reply;
}

Status Client::Watch(std::string target, const std::function<Status(const Json&)>& on_line) const {
  std::string rest;
  Status told;
  const auto on_data = [&](std::string_view bytes) {
    rest += bytes;
    for (auto end = rest.find('\n'); told && end != std::string::npos; end = rest.find('\n')) {
      const Json line = Json::parse(rest.substr(0, end), nullptr, false);
      rest.erase(0, end + 1);
      const bool failed = Text(line, "type") == "ERROR";
      told = failed ? Error{ErrorKind::kUnavailable, Text(line["error"], "message"), {}, {}} : on_line(line);
    }
    return told.has_value();
  };
  const Result<Reply> reply = Answered({"GET", std::move(target), {}, {}, on_data});
  return told && !reply ? Status(reply.error()) : told;
}

Result<Json> Client::Call(const Request& request) const {
  const Result<Reply> reply = Answered(request);
  if (!reply) return reply.error();
  if (reply->body.empty()) return Result<Json>(boost::system::in_place_value, Json::object());
  Json body = Json::parse(reply->body, nullptr, false);
  if (body.is_discarded()) {
    return Error{ErrorKind::kInternal,
                 server_ + " answered something that is not JSON; is this the right port?",
                 {},
                 {}};
  }
  return Result<Json>(boost::system::in_place_value, std::move(body));
}

std::vector<Json> Items(const Json& answer) {
  if (answer.is_array()) return {answer.begin(), answer.end()};
  if (!answer.is_object()) return {};
  for (const auto& [key, value] : answer.items()) {
    if (value.is_array()) return {value.begin(), value.end()};
  }
  return {};
}

std::string Text(const Json& value, std::string_view key) {
  if (!value.is_object()) return {};
  const auto found = value.find(std::string(key));
  if (found == value.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace weft::ctl
