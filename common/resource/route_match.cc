#include <re2/re2.h>

#include <set>

#include "common/resource/schema.h"

namespace weft::resource {
namespace {

using policy::MatchType;

constexpr std::array<Choice<MatchType>, 3> kPathTypes = {{{"Exact", MatchType::kExact},
                                                          {"PathPrefix", MatchType::kPrefix},
                                                          {"RegularExpression", MatchType::kRegex}}};
constexpr std::array<Choice<MatchType>, 2> kTextTypes = {
    {{"Exact", MatchType::kExact}, {"RegularExpression", MatchType::kRegex}}};
constexpr std::array<Choice<std::string_view>, 9> kMethods = {{{"GET", "GET"},
                                                               {"HEAD", "HEAD"},
                                                               {"POST", "POST"},
                                                               {"PUT", "PUT"},
                                                               {"DELETE", "DELETE"},
                                                               {"CONNECT", "CONNECT"},
                                                               {"OPTIONS", "OPTIONS"},
                                                               {"TRACE", "TRACE"},
                                                               {"PATCH", "PATCH"}}};

bool IsPathCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-/._~!$&'()*+,;=:@%").find(c) != std::string_view::npos;
}

bool HasBadEscape(std::string_view path) {
  const auto is_hex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = path.find('%'); at != path.npos; at = path.find('%', at + 1)) {
    if (at + 2 >= path.size() || !is_hex(path[at + 1]) || !is_hex(path[at + 2])) return true;
  }
  return false;
}

// The rules of the Gateway API for Exact and PathPrefix.
void CheckPath(const Value& value, const std::string& path) {
  if (!path.starts_with('/')) {
    value.Fail("must begin with \"/\"");
    return;
  }
  for (const char* part : {"//", "/./", "/../", "%2f", "%2F", "#"}) {
    if (path.find(part) != std::string::npos) value.Fail("must not contain \"" + std::string(part) + "\"");
  }
  if (path.ends_with("/.") || path.ends_with("/..")) value.Fail("must not end with \"/.\" or \"/..\"");
  if (!std::all_of(path.begin(), path.end(), IsPathCharacter) || HasBadEscape(path)) {
    value.Fail("has a character that no URL path may have: write it as %XX");
  }
}

void ReadPathMatch(MapReader& map, policy::PathMatch& path) {
  map.Optional("type", path.type, kPathTypes);
  const std::optional<Value> value = map.Find("value");
  if (!value || !Read(*value, path.value)) return;
  if (path.value.size() > 1024) {
    value->Fail("at most 1024 characters");
  } else if (path.type == MatchType::kRegex) {
    CheckRegex(*value, path.value);
  } else {
    CheckPath(*value, path.value);
  }
}

// `fold`: names compare without case (headers).
std::vector<policy::NamedMatch> ReadNamedMatches(MapReader& map, std::string_view key, bool fold) {
  std::vector<policy::NamedMatch> matches;
  std::set<std::string> names;
  map.List(key, 16, [&](const Value& item) {
    policy::NamedMatch match;
    item.Map([&](MapReader& fields) {
      fields.Optional("type", match.type, kTextTypes);
      fields.Required("name", match.name);
      const std::optional<Value> value = fields.Need("value");
      if (!value || !Read(*value, match.value)) return;
      if (match.value.empty() || match.value.size() > 4096) value->Fail("must have 1 to 4096 characters");
      if (match.type == MatchType::kRegex) CheckRegex(*value, match.value);
    });
    if (!CheckToken(item, match.name)) return;
    if (fold) match.name = LowerCase(match.name);
    if (!names.insert(match.name).second) {
      item.FailAt("name", "\"" + match.name + "\" stands twice in this match: merge the two");
    }
    matches.push_back(std::move(match));
  });
  return matches;
}

}  // namespace

// Compiles with the bounds that agents use, so that what is accepted here works there.
void CheckRegex(const Value& value, const std::string& pattern) {
  RE2::Options options(RE2::Quiet);
  options.set_max_mem(1 << 20);
  const RE2 regex(pattern, options);
  if (!regex.ok()) value.Fail("no RE2 regular expression: " + regex.error());
}

std::vector<policy::NamedMatch> ReadHeaderMatches(MapReader& map) {
  return ReadNamedMatches(map, "headers", true);
}

policy::RouteMatch ReadRouteMatch(const Value& value) {
  policy::RouteMatch match;
  value.Map([&](MapReader& map) {
    map.Map("path", [&](MapReader& path) { ReadPathMatch(path, match.path); });
    match.headers = ReadHeaderMatches(map);
    match.query = ReadNamedMatches(map, "queryParams", false);
    std::string_view method;
    if (map.Optional("method", method, kMethods)) match.method = method;
  });
  return match;
}

}  // namespace weft::resource
