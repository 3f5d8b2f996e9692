#include <set>

#include "common/resource/schema.h"

namespace weft::resource {
namespace {

enum class FilterType : std::uint8_t { kRequestHeaders, kResponseHeaders, kMirror, kRedirect, kRewrite };
constexpr std::array<Choice<FilterType>, 8> kFilterTypes = {
    {{"RequestHeaderModifier", FilterType::kRequestHeaders},
     {"ResponseHeaderModifier", FilterType::kResponseHeaders},
     {"RequestMirror", FilterType::kMirror},
     {"RequestRedirect", FilterType::kRedirect},
     {"URLRewrite", FilterType::kRewrite},
     {"CORS", FilterType::kRewrite, true},
     {"ExternalAuth", FilterType::kRewrite, true},
     {"ExtensionRef", FilterType::kRewrite, true}}};
// The key that carries each type, in the order of kFilterTypes.
constexpr std::array<std::string_view, 8> kFilterKeys = {"requestHeaderModifier",
                                                         "responseHeaderModifier",
                                                         "requestMirror",
                                                         "requestRedirect",
                                                         "urlRewrite",
                                                         "cors",
                                                         "externalAuth",
                                                         "extensionRef"};
constexpr std::array<Choice<bool>, 2> kPathModifiers = {
    {{"ReplacePrefixMatch", true}, {"ReplaceFullPath", false}}};
constexpr std::array<Choice<std::string_view>, 2> kSchemes = {{{"http", "http"}, {"https", "https"}}};
constexpr std::array<Choice<std::uint16_t>, 5> kRedirectCodes = {
    {{"301", 301}, {"302", 302}, {"303", 303}, {"307", 307}, {"308", 308}}};

bool IsFieldValue(std::string_view text) {  // RFC 9110 5.5
  return text.size() <= 4096 && std::all_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
         });
}

// One name may be touched once in a filter.
void ClaimName(const Value& item, const std::string& name, std::set<std::string>& seen) {
  if (!seen.insert(name).second)
    item.Fail("header \"" + name + "\" stands twice in this filter: keep one of them");
}

std::vector<policy::HeaderEdit> ReadEdits(MapReader& map, std::string_view key, std::set<std::string>& seen) {
  std::vector<policy::HeaderEdit> edits;
  map.List(key, 16, [&](const Value& item) {
    policy::HeaderEdit edit;
    item.Map([&](MapReader& fields) {
      fields.Required("name", edit.name);
      fields.Required("value", edit.value);
    });
    if (!IsFieldValue(edit.value))
      item.FailAt("value", "at most 4096 characters, none of them a control character");
    if (!CheckToken(item, edit.name)) return;
    edit.name = LowerCase(edit.name);
    ClaimName(item, edit.name, seen);
    edits.push_back(std::move(edit));
  });
  return edits;
}

policy::HeaderFilter ReadHeaderFilter(const Value& value) {
  policy::HeaderFilter filter;
  value.Map([&](MapReader& map) {
    std::set<std::string> seen;
    filter.set = ReadEdits(map, "set", seen);
    filter.add = ReadEdits(map, "add", seen);
    map.List("remove", 16, [&](const Value& item) {
      std::string name;
      if (!Read(item, name) || !CheckToken(item, name)) return;
      filter.remove.push_back(LowerCase(name));
      ClaimName(item, filter.remove.back(), seen);
    });
  });
  return filter;
}

std::optional<policy::PathRewrite> ReadPathModifier(MapReader& map) {
  const std::optional<Value> value = map.Find("path");
  if (!value) return std::nullopt;
  policy::PathRewrite rewrite;
  value->Map([&](MapReader& fields) {
    if (!fields.Required("type", rewrite.prefix, kPathModifiers)) {
      fields.Ignore("replacePrefixMatch");
      fields.Ignore("replaceFullPath");
      return;
    }
    fields.Required(rewrite.prefix ? "replacePrefixMatch" : "replaceFullPath", rewrite.value);
    if (rewrite.value.empty() && !rewrite.prefix) value->Fail("replaceFullPath must begin with \"/\"");
    if (rewrite.value.size() > 1024) value->Fail("at most 1024 characters");
    if (!rewrite.value.empty() && !rewrite.value.starts_with('/'))
      value->Fail("a path must begin with \"/\"");
    if (rewrite.value.find_first_of(" ?#\r\n\t") != std::string::npos) {
      value->Fail("a path must not contain white space, \"?\" or \"#\"");
    }
  });
  return rewrite;
}

policy::Redirect ReadRedirect(const Value& value) {
  policy::Redirect redirect;
  value.Map([&](MapReader& map) {
    std::string_view scheme;
    if (map.Optional("scheme", scheme, kSchemes)) redirect.scheme = scheme;
    if (const std::optional<Value> host = map.Find("hostname")) ReadHostname(*host, false, redirect.hostname);
    redirect.path = ReadPathModifier(map);
    map.Optional("port", redirect.port, Bounds<std::int64_t>{1, 65535});
    if (map.Optional("statusCode", redirect.status, kRedirectCodes)) {
      map.Find("statusCode")->node().type = Node::Type::kNumber;
    }
  });
  return redirect;
}

MirrorSpec ReadMirror(const Value& value) {
  MirrorSpec mirror;
  value.Map([&](MapReader& map) {
    map.Need("backendRef");
    map.Map("backendRef", [&](MapReader& ref) { mirror.ref = ReadBackendObject(ref); });
    std::int64_t percent = 100, numerator = 100, denominator = 100;
    if (map.Optional("percent", percent, Bounds<std::int64_t>{0, 100})) {
      mirror.fraction = static_cast<double>(percent) / 100.0;
      if (map.Has("fraction")) value.Fail("has both percent and fraction: keep one of them");
    }
    map.Map("fraction", [&](MapReader& fraction) {
      constexpr Bounds<std::int64_t> kAny = {0, 1'000'000'000};
      if (!fraction.Required("numerator", numerator, kAny)) return;
      fraction.Optional("denominator", denominator, Bounds<std::int64_t>{1, kAny.high});
      if (numerator > denominator) fraction.value().Fail("numerator is above denominator (default 100)");
      mirror.fraction = static_cast<double>(numerator) / static_cast<double>(denominator);
    });
  });
  return mirror;
}

void ReadRewrite(const Value& value, Filters& out) {
  value.Map([&](MapReader& map) {
    if (const std::optional<Value> host = map.Find("hostname"))
      ReadHostname(*host, false, out.rewrite_hostname);
    out.rewrite_path = ReadPathModifier(map);
  });
}

void ReadFilterOf(FilterType type, const Value& value, Filters& out) {
  switch (type) {
    case FilterType::kRequestHeaders: out.request_headers = ReadHeaderFilter(value); break;
    case FilterType::kResponseHeaders: out.response_headers = ReadHeaderFilter(value); break;
    case FilterType::kMirror: out.mirrors.push_back(ReadMirror(value)); break;
    case FilterType::kRedirect: out.redirect = ReadRedirect(value); break;
    case FilterType::kRewrite: ReadRewrite(value, out); break;
  }
}

// One filter: `type`, and beside it only the key of that type.
std::optional<FilterType> ReadFilter(const Value& item, Filters& out) {
  std::optional<FilterType> read;
  item.Map([&](MapReader& map) {
    FilterType type{};
    const bool known = map.Required("type", type, kFilterTypes);
    if (!known) {
      for (const std::string_view key : kFilterKeys) map.Ignore(key);
      return;
    }
    if (const std::optional<Value> body = map.Need(kFilterKeys[static_cast<std::size_t>(type)])) {
      ReadFilterOf(type, *body, out);
      read = type;
    }
  });
  return read;
}

Filters ReadFilters(const Value& list, bool of_backend) {
  Filters out;
  std::set<FilterType> seen;
  if (list.node().items.size() > 16) list.Fail("at most 16 filters");
  list.Each([&](const Value& item) {
    const std::optional<FilterType> type = ReadFilter(item, out);
    if (!type) return;
    if (of_backend && *type != FilterType::kRequestHeaders && *type != FilterType::kResponseHeaders) {
      item.FailAt("type", "a backendRef may only have header filters: move this filter to the rule");
    }
    if (!seen.insert(*type).second && *type != FilterType::kMirror) {
      item.FailAt("type", "this filter may stand once in a list: merge the two");
    }
  });
  if (seen.contains(FilterType::kRedirect) && seen.contains(FilterType::kRewrite)) {
    list.Fail("RequestRedirect and URLRewrite exclude each other: keep one of them");
  }
  return out;
}

}  // namespace

Filters ReadRuleFilters(const Value& list) { return ReadFilters(list, false); }
Filters ReadBackendFilters(const Value& list) { return ReadFilters(list, true); }

}  // namespace weft::resource
