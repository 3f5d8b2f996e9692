#include "controlplane/api/rest.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "controlplane/api/lines.h"
#include "controlplane/api/openapi.h"
#include "controlplane/api/rest_call.h"

namespace weft::api {
namespace {

constexpr std::string_view kRoot = "/api/v1/";

// "agents/{id}:accept" against {"agents", "x:accept"}; fills `names` with what the braces took.
bool MatchPath(std::string_view pattern, const std::vector<std::string>& segments,
               std::map<std::string, std::string>& names) {
  names.clear();
  for (const std::string& segment : segments) {
    const auto end = std::min(pattern.find('/'), pattern.size());
    const std::string_view want = pattern.substr(0, end);
    pattern.remove_prefix(std::min(end + 1, pattern.size()));
    if (want.empty()) return false;
    if (want.front() != '{') {
      if (want != segment) return false;
      continue;
    }
    const auto close = want.find('}');
    const std::string_view suffix = want.substr(close + 1);
    if (segment.size() <= suffix.size() || !segment.ends_with(suffix)) return false;
    names[std::string(want.substr(1, close - 1))] = segment.substr(0, segment.size() - suffix.size());
  }
  return pattern.empty();
}

struct Found {
  const Row* row = nullptr;
  std::map<std::string, std::string> names;
  std::string other_verbs;  // that this path takes
};

Found FindRow(std::string_view verb, const std::vector<std::string>& segments) {
  Found found;
  for (const Row& row : kTable) {
    std::map<std::string, std::string> names;
    if (!MatchPath(row.path, segments, names)) continue;
    if (row.verb == verb) return {&row, std::move(names), {}};
    found.other_verbs += (found.other_verbs.empty() ? "" : ", ") + std::string(row.verb);
  }
  return found;
}

// A misspelt selector would list everything, a misspelt dryRun would write.
Status CheckQueries(const Row& row, const http::Request& request) {
  for (const std::string& name : request.QueryNames()) {
    const std::string known = " " + std::string(row.queries) + " ";
    if (!name.empty() && known.find(" " + name + " ") != std::string::npos) continue;
    return Invalid("is no query parameter here; there " +
                       (row.queries.empty() ? "is none" : "are: " + std::string(row.queries)),
                   name.empty() ? "?" : name);
  }
  return {};
}

http::Response NotAllowed(const std::string& allowed) {
  http::Response response =
      http::ErrorResponse({ErrorKind::kUnsupported, "this path takes " + allowed, {}, {}});
  response.status = 405;
  response.headers.emplace_back("Allow", allowed);
  return response;
}

// Without credentials whoever reaches loopback is trusted, so a page in a browser must not: neither by a name
// that it points at 127.0.0.1 nor by a request to another site.
Status CheckLocal(const http::Request& request) {
  if (auto ok = http::CheckHost(request); !ok) return ok;
  if (request.Header("Origin").empty()) return {};
  return Error{
      ErrorKind::kForbidden, "requests from web pages need a token; start with --token-file", "Origin", {}};
}

}  // namespace

Rest::Rest(Api& api, auth::Authenticator& authenticator, Pages pages)
    : api_(api), authenticator_(authenticator), pages_(std::move(pages)) {}

Result<Principal> Rest::Who(const http::Request& request) {
  return authenticator_.Authenticate({request.Header("Authorization"), request.peer, request.peer_uri,
                                      request.peer_name, request.peer_serial, request.peer_from,
                                      request.peer_until});
}

Result<http::Response> Rest::Metrics(const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return NotAllowed("GET");
  if (pages_.metrics_auth) {
    const auto principal = Who(request);
    if (!principal) return principal.error();
    if (auto ok = auth::Require(*principal, auth::Role::kViewer); !ok) return ok.error();
  }
  http::Response response = http::Text(200, pages_.metrics());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

http::Response Rest::operator()(const http::Request& request) {
  const std::string_view path = request.Path();
  if (path == "/healthz") return http::Text(200, "ok\n");
  if (path == "/readyz") return pages_.ready() ? http::Text(200, "ok\n") : http::Text(503, "not ready\n");
  auto response = path == "/metrics" ? Metrics(request) : Route(request);
  return response ? std::move(*response) : http::ErrorResponse(response.error());
}

Result<http::Response> Rest::Route(const http::Request& request) {
  const std::string_view path = request.Path();
  if (!path.starts_with(kRoot))
    return Error{ErrorKind::kNotFound, "nothing is here; the API is below /api/v1/", {}, {}};
  if (pages_.local_only) {
    if (auto ok = CheckLocal(request); !ok) return ok.error();
  }
  const auto principal = Who(request);
  if (!principal) return principal.error();
  const auto segments = http::PathSegments(path.substr(kRoot.size() - 1));
  if (!segments) return segments.error();
  Found found = FindRow(request.method, *segments);
  if (found.row == nullptr && !found.other_verbs.empty()) return NotAllowed(found.other_verbs);
  if (found.row == nullptr)
    return Error{
        ErrorKind::kNotFound, "there is no " + std::string(path) + "; docs/api.md lists the paths", {}, {}};
  if (found.row->body == Body::kNone && request.body.size() > 0 && request.method == "GET")
    return Invalid("a GET has no body");
  if (auto ok = auth::Require(*principal, found.row->role); !ok) {
    if (IsAudited(found.row->rpc) && request.Query("dryRun") != "true")
      Audit(found.row->rpc, *principal, std::string(path.substr(kRoot.size())), 0, ok.error().Text());
    return ok.error();
  }
  if (auto ok = CheckQueries(*found.row, request); !ok) return ok.error();
  if (found.row->rpc == Rpc::kVersion) {
    const store::Version now = pages_.version();
    return JsonResponse({{"version", pages_.program_version},
                         {"storeId", now.store_id},
                         {"epoch", now.epoch},
                         {"revision", now.revision}});
  }
  if (found.row->rpc == Rpc::kOpenApi) {
    http::Response response;
    response.body = OpenApi(pages_.program_version);
    return response;
  }
  auto response = Dispatch(api_, {*principal, *found.row, request, std::move(found.names)});
  if (response && response->stream != nullptr)
    response->stream = std::make_shared<GuardedLines>(response->stream, MayGoOn(request, found.row->role));
  return response;
}

MayRead Rest::MayGoOn(const http::Request& request, auth::Role role) {
  http::Request of = request;
  of.body.clear();
  return [this, of = std::move(of), role]() -> Status {
    const auto still = Who(of);
    return still ? auth::Require(*still, role) : still.error();
  };
}

}  // namespace weft::api
