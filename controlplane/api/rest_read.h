#pragma once
// What the REST handlers share: reading queries and conditions, writing etags and lists. For the rest_*.cc
// only.

#include <charconv>
#include <nlohmann/json.hpp>

#include "controlplane/api/rest_call.h"
#include "controlplane/api/text.h"

namespace weft::api {

using Answer = Result<http::Response>;

template <class Number>
Status ParseWhole(const std::string& text, const char* name, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc{} && end == text.data() + text.size()) return {};
  return Invalid("'" + text + "' is no whole number", name);
}

template <class Number>
Status ReadNumber(const RestCall& call, const char* name, Number& out) {
  const std::string text = call.request.Query(name);
  return text.empty() ? Status() : ParseWhole(text, name, out);
}

inline Result<bool> ReadFlag(const RestCall& call, const char* name) {
  if (!call.request.HasQuery(name)) return false;
  const std::string text = call.request.Query(name);
  if (text.empty() || text == "true" || text == "1" || text == "All") return true;
  if (text == "false" || text == "0") return false;
  return Invalid("'" + text + "' is neither true nor false", name);
}

// If-Match: "…" or *, and If-None-Match: *.
template <class Message>
Status ReadConditions(const RestCall& call, Message& message) {
  message.set_if_match(std::string(call.request.Header("If-Match")));
  const std::string_view none = call.request.Header("If-None-Match");
  if (!none.empty() && none != "*") return Invalid("only If-None-Match: * is understood", "If-None-Match");
  message.set_if_none_match(none == "*");
  return {};
}

inline http::Response WithEtag(http::Response response, const std::string& etag) {
  if (!etag.empty()) response.headers.emplace_back("ETag", "\"" + etag + "\"");
  return response;
}

// GET with If-None-Match of the current etag: 304.
inline http::Response Fresh(const RestCall& call, http::Response response, const std::string& etag) {
  const std::string_view known = call.request.Header("If-None-Match");
  if (!etag.empty() && !known.empty() && HasEtag(known, etag)) {
    response.status = 304;
    response.body.clear();
    response.content_type.clear();
  }
  return WithEtag(std::move(response), etag);
}

// A list whose etag is that of its bytes: what it shows changes with more than one revision.
inline http::Response FreshList(const RestCall& call, const Json& json) {
  http::Response response = JsonResponse(json);
  const std::string etag = EtagOfBytes(response.body);
  return Fresh(call, std::move(response), etag);
}

template <class Message>
Status ReadPage(const RestCall& call, Message& message) {
  std::uint32_t limit = 0;
  if (auto ok = ReadNumber(call, "limit", limit); !ok) return ok;
  message.set_limit(limit);
  message.set_from(call.request.Query("continue"));
  message.set_namespace_(call.request.Query("namespace"));
  message.set_label_selector(call.request.Query("labelSelector"));
  return {};
}

template <class Message>
Status ReadDryRun(const RestCall& call, Message& message) {
  const auto flag = ReadFlag(call, "dryRun");
  if (flag) message.set_dry_run(*flag);
  return flag ? Status() : flag.error();
}

template <class List>
Json ItemsJson(const List& list) {
  Json items = Json::array();
  for (const auto& item : list) items.push_back(ToJson(item));
  return {{"items", std::move(items)}};
}

// A page of a list: what it shows, and where it goes on.
template <class List, class Done>
Json PageJson(const List& list, const Done& done) {
  Json json = ItemsJson(list);
  json["revision"] = done.revision();
  json["continue"] = done.next();
  return json;
}

// A whole path segment as a number.
inline Result<std::uint64_t> ReadPathNumber(const RestCall& call, const char* name) {
  std::uint64_t number = 0;
  if (auto ok = ParseWhole(call.Name(name), name, number); !ok) return ok.error();
  return number;
}

// The answer of the call's handler, rendered.
template <class Request, class Render>
Answer Ask(Api& api, const RestCall& call, const Request& request, const Render& render) {
  const auto done = api.Call(call.row.rpc, call.principal, request);
  if (!done) return done.error();
  return render(*done);
}

// One function a row of the table; subjects have their files: rest_registry.cc, rest_resources.cc, …
namespace rest {

Answer ListServices(Api& api, const RestCall& call);
Answer GetService(Api& api, const RestCall& call);
Answer PutService(Api& api, const RestCall& call);
Answer DeleteService(Api& api, const RestCall& call);
Answer ListInstances(Api& api, const RestCall& call);
Answer GetInstance(Api& api, const RestCall& call);
Answer PutInstance(Api& api, const RestCall& call);
Answer DeleteInstance(Api& api, const RestCall& call);
Answer Heartbeat(Api& api, const RestCall& call);
Answer Apply(Api& api, const RestCall& call);
Answer PutResource(Api& api, const RestCall& call);
Answer ListResources(Api& api, const RestCall& call);
Answer GetResource(Api& api, const RestCall& call);
Answer DeleteResource(Api& api, const RestCall& call);
Answer ListRevisions(Api& api, const RestCall& call);
Answer GetRevision(Api& api, const RestCall& call);
Answer RollBack(Api& api, const RestCall& call);
Answer DiffRevisions(Api& api, const RestCall& call);
Answer ListRollouts(Api& api, const RestCall& call);
Answer GetRollout(Api& api, const RestCall& call);
Answer SteerRollout(Api& api, const RestCall& call);
Answer ListAgents(Api& api, const RestCall& call);
Answer GetAgentConfig(Api& api, const RestCall& call);
Answer AcceptAgent(Api& api, const RestCall& call);
Answer DrainAgent(Api& api, const RestCall& call);
Answer GetStats(Api& api, const RestCall& call);
Answer ServiceStats(Api& api, const RestCall& call);
Answer GetGraph(Api& api, const RestCall& call);
Answer ListIssues(Api& api, const RestCall& call);
Answer Explain(Api& api, const RestCall& call);
Answer ListEvents(Api& api, const RestCall& call);
Answer GetIdentity(Api& api, const RestCall& call);
Answer RotateRoot(Api& api, const RestCall& call);
Answer ListJoinTokens(Api& api, const RestCall& call);
Answer CreateJoinToken(Api& api, const RestCall& call);
Answer RevokeJoinToken(Api& api, const RestCall& call);
Answer Revoke(Api& api, const RestCall& call);
Answer ListRevocations(Api& api, const RestCall& call);
Answer TakeBackRevocation(Api& api, const RestCall& call);

}  // namespace rest
}  // namespace weft::api
