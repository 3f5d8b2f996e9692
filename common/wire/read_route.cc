#include <re2/re2.h>

#include "common/wire/read.h"

namespace weft::wire {
namespace {

constexpr int kMaxList = 1024;

void CheckRegex(const Path& at, const std::string& pattern, Check& check) {
  if (pattern.size() > 4096) return check.Fail(at, "is longer than 4096 bytes");
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(1 << 20);
  const RE2 regex(pattern, options);
  if (!regex.ok()) check.Fail(at, "is no regular expression (RE2): " + regex.error());
}

policy::PathMatch ReadPathMatch(const v1::PathMatch& in, const Path& at, Check& check) {
  policy::PathMatch out;
  out.type = check.Enum(at, "type", in.type(), policy::MatchType::kRegex);
  out.value = check.Required(at, "value", in.value(), 4096);
  if (out.type == policy::MatchType::kRegex) {
    CheckRegex(Path(at, "value"), out.value, check);
  } else if (!out.value.starts_with('/')) {
    check.Fail(Path(at, "value"), "must start with '/'");
  }
  return out;
}

policy::NamedMatch ReadNamedMatch(const v1::NamedMatch& in, const Path& at, Check& check) {
  policy::NamedMatch out;
  out.type = check.Enum(at, "type", in.type(), policy::MatchType::kRegex);
  if (out.type == policy::MatchType::kPrefix) check.Fail(Path(at, "type"), "may be exact or regex only");
  out.name = check.Required(at, "name", in.name(), 256);
  out.value = check.Text(at, "value", in.value());
  if (out.type == policy::MatchType::kRegex) CheckRegex(Path(at, "value"), out.value, check);
  return out;
}

policy::NamedMatch ReadHeaderMatch(const v1::NamedMatch& in, const Path& at, Check& check) {
  policy::NamedMatch out = ReadNamedMatch(in, at, check);
  check.Token(at, "name", out.name);
  if (std::any_of(out.name.begin(), out.name.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    check.Fail(Path(at, "name"), "must be lower case");
  }
  return out;
}

policy::RouteMatch ReadMatch(const v1::RouteMatch& in, const Path& at, Check& check) {
  policy::RouteMatch out;
  if (in.has_path()) out.path = ReadPathMatch(in.path(), Path(at, "path"), check);
  check.Each(at, "headers", in.headers(), out.headers, 64, ReadHeaderMatch);
  check.Each(at, "query", in.query(), out.query, 64, ReadNamedMatch);
  if (!in.method().empty()) out.method = check.Token(at, "method", in.method());
  return out;
}

policy::HeaderEdit ReadEdit(const v1::HeaderEdit& in, const Path& at, Check& check) {
  return {check.Token(at, "name", in.name()), check.Text(at, "value", in.value())};
}

policy::HeaderFilter ReadFilter(const v1::HeaderFilter& in, const Path& at, Check& check) {
  policy::HeaderFilter out;
  check.Each(at, "set", in.set(), out.set, 64, ReadEdit);
  check.Each(at, "add", in.add(), out.add, 64, ReadEdit);
  if (in.remove_size() > 64) check.Fail(Path(at, "remove"), "has more than 64 entries");
  for (const std::string& name : in.remove()) out.remove.push_back(check.Token(at, "remove", name));
  return out;
}

policy::PathRewrite ReadRewrite(const v1::PathRewrite& in, const Path& at, Check& check) {
  policy::PathRewrite out{in.prefix(), check.Text(at, "value", in.value())};
  const bool bad = out.value.find_first_of(" ?#") != std::string::npos;
  if (bad || (!out.value.empty() && out.value[0] != '/') || (out.value.empty() && !out.prefix)) {
    check.Fail(Path(at, "value"), "must be a path that starts with '/', without query");
  }
  return out;
}

policy::Redirect ReadRedirect(const v1::Redirect& in, const Path& at, Check& check) {
  policy::Redirect out;
  out.scheme = in.scheme();
  if (!out.scheme.empty() && out.scheme != "http" && out.scheme != "https") {
    check.Fail(Path(at, "scheme"), "must be http or https");
  }
  out.hostname = check.Host(at, "hostname", in.hostname(), false);
  if (in.has_path()) out.path = ReadRewrite(in.path(), Path(at, "path"), check);
  out.port = check.Port(at, "port", in.port(), true);
  static constexpr std::array<std::uint32_t, 6> kStatuses = {0, 301, 302, 303, 307, 308};
  if (std::find(kStatuses.begin(), kStatuses.end(), in.status()) == kStatuses.end()) {
    check.Fail(Path(at, "status"), "must be 301, 302, 303, 307 or 308");
  }
  out.status = static_cast<std::uint16_t>(in.status() == 0 ? 302 : in.status());
  return out;
}

BackendKey ReadBackendKey(const v1::BackendKey& in, const Path& at, Check& check) {
  return {ReadKey(in.service(), Path(at, "service"), check), check.Port(at, "port", in.port())};
}

// A reference that is known not to resolve may name anything.
BackendKey ReadUnusable(const v1::BackendKey& in, const Path& at, Check& check) {
  const Path service(at, "service");
  BackendKey out;
  if (!in.service().cluster().empty()) out.service.cluster = in.service().cluster();
  out.service.ns = check.Text(service, "namespace", in.service().namespace_(), 253);
  out.service.name = check.Text(service, "name", in.service().name(), 253);
  out.port = check.Port(at, "port", in.port(), true);
  return out;
}

policy::BackendRef ReadBackend(const v1::BackendRef& in, const Path& at, Check& check) {
  policy::BackendRef out;
  out.usable = in.usable();
  const Path backend(at, "backend");
  out.backend =
      out.usable ? ReadBackendKey(in.backend(), backend, check) : ReadUnusable(in.backend(), backend, check);
  out.weight = check.Count(at, "weight", in.weight(), 0, 1'000'000);
  out.request_headers = ReadFilter(in.request_headers(), Path(at, "request_headers"), check);
  out.response_headers = ReadFilter(in.response_headers(), Path(at, "response_headers"), check);
  return out;
}

policy::Mirror ReadMirror(const v1::Mirror& in, const Path& at, Check& check) {
  return {ReadBackendKey(in.backend(), Path(at, "backend"), check),
          check.Number(at, "fraction", in.fraction(), 1e-9, 1)};
}

policy::RouteRule ReadRule(const v1::RouteRule& in, const Path& at, Check& check) {
  policy::RouteRule out;
  out.name = check.Required(at, "name", in.name());
  check.Each(at, "matches", in.matches(), out.matches, kMaxList, ReadMatch);
  if (in.matches_size() == 0) check.Fail(Path(at, "matches"), "needs at least one match");
  out.request_headers = ReadFilter(in.request_headers(), Path(at, "request_headers"), check);
  out.response_headers = ReadFilter(in.response_headers(), Path(at, "response_headers"), check);
  if (in.has_rewrite_path())
    out.rewrite_path = ReadRewrite(in.rewrite_path(), Path(at, "rewrite_path"), check);
  out.rewrite_hostname = check.Host(at, "rewrite_hostname", in.rewrite_hostname(), false);
  if (in.has_redirect()) out.redirect = ReadRedirect(in.redirect(), Path(at, "redirect"), check);
  check.Each(at, "mirrors", in.mirrors(), out.mirrors, 16, ReadMirror);
  check.Each(at, "backends", in.backends(), out.backends, 128, ReadBackend);
  if (out.redirect && !out.backends.empty()) check.Fail(Path(at, "redirect"), "excludes backends");
  if (in.has_timeouts()) out.timeouts = ReadTimeouts(in.timeouts(), Path(at, "timeouts"), check);
  if (in.has_retry()) out.retry = ReadRetry(in.retry(), Path(at, "retry"), check);
  check.Each(at, "sources", in.sources(), out.sources, kMaxList, ReadSource);
  return out;
}

}  // namespace

policy::Route ReadRoute(const v1::Route& in, const Path& at, Check& check) {
  policy::Route out;
  out.name = check.Required(at, "name", in.name());
  out.ns = check.Label(at, "namespace", in.namespace_());
  out.parent_port = check.Port(at, "parent_port", in.parent_port(), true);
  out.consumer = in.consumer();
  if (in.hostnames_size() > kMaxList) check.Fail(Path(at, "hostnames"), "has more than 1024 entries");
  for (const std::string& host : in.hostnames())
    out.hostnames.push_back(check.Host(at, "hostnames", host, true));
  out.created = in.created();
  check.Each(at, "rules", in.rules(), out.rules, kMaxList, ReadRule);
  out.kind = check.Enum(at, "kind", in.kind(), policy::RouteKind::kGrpc);
  return out;
}

}  // namespace weft::wire
