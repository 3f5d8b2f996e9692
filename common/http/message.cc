#include "common/http/message.h"

#include <nlohmann/json.hpp>

namespace weft::http {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = Lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// The raw value of a query parameter; found only when the name is there.
std::optional<std::string_view> RawQuery(std::string_view target, std::string_view name) {
  const auto mark = target.find('?');
  std::string_view rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == name) return pair.substr(std::min(equals + 1, pair.size()));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

struct KindStatus {
  ErrorKind kind;
  int status;
};
constexpr KindStatus kStatuses[] = {{ErrorKind::kInvalid, 400},
                                    {ErrorKind::kNotFound, 404},
                                    {ErrorKind::kConflict, 409},
                                    {ErrorKind::kPreconditionFailed, 412},
                                    {ErrorKind::kUnauthenticated, 401},
                                    {ErrorKind::kForbidden, 403},
                                    {ErrorKind::kTooLarge, 413},
                                    {ErrorKind::kUnsupported, 501},
                                    {ErrorKind::kUnavailable, 503},
                                    {ErrorKind::kTimeout, 504},
                                    {ErrorKind::kGone, 410},
                                    {ErrorKind::kOverloaded, 429},
                                    {ErrorKind::kInternal, 500}};

ErrorKind KindOfStatus(int status) {
  for (const KindStatus& row : kStatuses) {
    if (row.status == status) return row.kind;
  }
  return status >= 400 && status < 500 ? ErrorKind::kInvalid : ErrorKind::kInternal;
}

}  // namespace

std::string_view Find(const Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (SameName(key, name)) return value;
  }
  return {};
}

std::string_view Request::Path() const {
  const std::string_view all = target;
  return all.substr(0, all.find('?'));
}

std::string Request::Query(std::string_view name) const {
  const auto raw = RawQuery(target, name);
  if (!raw) return {};
  auto decoded = PercentDecode(*raw);
  return decoded ? *decoded : std::string(*raw);
}

bool Request::HasQuery(std::string_view name) const { return RawQuery(target, name).has_value(); }

std::vector<std::string> Request::QueryNames() const {
  std::vector<std::string> names;
  std::string_view rest = target;
  rest.remove_prefix(std::min(rest.find('?'), rest.size() - 1) + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::string_view name = pair.substr(0, pair.find('='));
    auto decoded = PercentDecode(name);
    if (!pair.empty()) names.push_back(decoded ? std::move(*decoded) : std::string(name));
  }
  return names;
}

Result<std::string> PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return Invalid("'" + std::string(text) + "' holds a broken percent escape");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string PercentEncode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.append({'%', kHex[byte >> 4U], kHex[byte & 15U]});
  }
  return out;
}

Result<std::vector<std::string>> PathSegments(std::string_view path) {
  std::vector<std::string> out;
  if (path.empty() || path.front() != '/') return Invalid("a path starts with '/'");
  path.remove_prefix(1);
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    auto segment = PercentDecode(path.substr(0, end));
    if (!segment) return segment.error();
    if (segment->empty()) return Invalid("the path holds an empty segment");
    out.push_back(std::move(*segment));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

Response Text(int status, std::string text) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

int StatusOf(ErrorKind kind) {
  for (const KindStatus& row : kStatuses) {
    if (row.kind == kind) return row.status;
  }
  return 500;
}

Response ErrorResponse(const Error& error) {
  nlohmann::ordered_json body;
  body["error"]["code"] = ToString(error.kind);
  body["error"]["message"] = error.where.empty() ? error.detail : error.where + ": " + error.detail;
  body["error"]["field"] = error.field;
  Response response;
  response.status = StatusOf(error.kind);
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (error.kind == ErrorKind::kUnauthenticated) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Error ErrorOf(const Response& response) {
  Error error{
      KindOfStatus(response.status), "the server answered " + std::to_string(response.status), {}, {}};
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  if (!body.is_object() || !body.contains("error") || !body["error"].is_object()) return error;
  const auto text = [&body](const char* key) {
    const auto& object = body["error"];
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
  };
  if (!text("message").empty()) error.detail = text("message");
  error.field = text("field");
  return error;
}

Status CheckHost(const Request& request) {
  std::string_view host = request.Header("Host");
  if (!host.empty() && host.front() == '[') {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.rfind(':'));
  }
  if (SameName(host, "localhost") || net::Ip::Parse(host)) return {};
  return Error{ErrorKind::kForbidden, "the Host header must be an IP address or localhost here", "Host", {}};
}

}  // namespace weft::http
