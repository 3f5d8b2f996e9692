#include "controlplane/ctl/context.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ostream>

namespace weft::ctl {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Result<bool> MatchesTerm(const Json& labels, std::string_view term) {
  const bool negated = term.front() == '!';
  if (negated) term.remove_prefix(1);
  const std::size_t equals = term.find('=');
  if (equals == std::string_view::npos) {
    return (labels.is_object() && labels.contains(std::string(term))) != negated;
  }
  const bool differs = equals > 0 && term[equals - 1] == '!';
  const std::string_view key = Trim(term.substr(0, differs ? equals - 1 : equals));
  std::string_view value = term.substr(equals + 1);
  if (!value.empty() && value.front() == '=') value.remove_prefix(1);
  if (key.empty() || negated) {
    return Invalid("the selector term '" + std::string(term) + "' is not key=value, key!=value, key or !key",
                   "-l");
  }
  return (Text(labels, key) == Trim(value)) != differs;
}

}  // namespace

Result<Format> ParseFormat(std::string_view text) {
  if (text == "table") return Format::kTable;
  if (text == "wide") return Format::kWide;
  if (text == "json") return Format::kJson;
  if (text == "yaml") return Format::kYaml;
  return Invalid("'" + std::string(text) + "' is not an output format; use table, wide, json or yaml", "-o");
}

void PrintDocument(Context& context, const Json& document) {
  if (context.format == Format::kYaml) {
    context.out << ToYaml(document);
  } else {
    context.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}

void PrintList(Context& context, const std::vector<Json>& items, const Table& table) {
  if (context.structured()) {
    const bool documents = !items.empty() && std::all_of(items.begin(), items.end(), [](const Json& item) {
      return item.contains("apiVersion");
    });
    PrintDocument(context, documents ? Json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}}
                                     : Json{{"items", items}});
  } else if (table.empty()) {
    context.err << "No resources found"
                << (context.all_namespaces ? std::string() : " in namespace " + context.ns) << ".\n";
  } else {
    context.out << table.Text();
  }
}

NamespacedName SplitName(const Context& context, std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {context.ns, std::string(text)};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

std::string Age(const Context& context, std::string_view rfc3339) {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const std::string text(rfc3339);
  constexpr const char* kFormat = "%4d-%2u-%2uT%2u:%2u:%2u";
  if (std::sscanf(text.c_str(), kFormat, &year, &month, &day, &hour, &minute, &second) != 6) return {};
  const std::chrono::sys_days date =
      std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  const std::int64_t then =
      std::chrono::sys_seconds(date).time_since_epoch().count() + hour * 3600 + minute * 60 + second;
  const std::int64_t age = std::max<std::int64_t>(0, context.now_unix_ms / 1000 - then);
  if (age < 120) return std::to_string(age) + "s";
  if (age < 2 * 3600) return std::to_string(age / 60) + "m";
  if (age < 2 * 86400) return std::to_string(age / 3600) + "h";
  return std::to_string(age / 86400) + "d";
}

Result<bool> Matches(const Json& labels, std::string_view selector) {
  while (!selector.empty()) {
    const std::size_t comma = selector.find(',');
    const std::string_view term = Trim(selector.substr(0, comma));
    if (!term.empty()) {
      const Result<bool> matched = MatchesTerm(labels, term);
      if (!matched || !*matched) return matched;
    }
    selector = comma == std::string_view::npos ? std::string_view() : selector.substr(comma + 1);
  }
  return true;
}

}  // namespace weft::ctl
