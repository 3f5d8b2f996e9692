#include "controlplane/ctl/context.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ostream>

namespace weft::ctl {
std::string OfMesh(const Context& context, std::string path) {
  if (!context.one_namespace) return path;
  path += path.find('?') == std::string::npos ? '?' : '&';
  return path + "namespace=" + Escape(context.ns);
}

Result<Format> ParseFormat(std::string_view text) {
  if (text == "table") return Format::kTable;
  if (text == "wide") return Format::kWide;
  if (text == "json") return Format::kJson;
  if (text == "yaml") return Format::kYaml;
  if (text == "dot") return Format::kDot;
  if (text == "name") return Format::kName;
  return Invalid("'" + std::string(text) + "' is not an output format; use table, wide, json or yaml", "-o");
}

void PrintDocument(Context& context, const Json& document) {
  if (context.format == Format::kYaml) {
    context.out << ToYaml(document);
  } else {
    context.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}

void PrintList(Context& context, const std::vector<Json>& items, const Table& table, bool documents) {
  if (context.structured()) {
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
  return AgeText(std::max<std::int64_t>(0, context.now_unix_ms / 1000 - then));
}

std::string AgeText(std::int64_t age) {
  if (age < 120) return std::to_string(age) + "s";
  if (age < 2 * 3600) return std::to_string(age / 60) + "m";
  if (age < 2 * 86400) return std::to_string(age / 3600) + "h";
  return std::to_string(age / 86400) + "d";
}

std::string ListQuery(const Context& context, bool namespaced) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query += (query.empty() ? "?" : "&") + std::string(name) + "=" + Escape(value);
  };
  add("namespace", namespaced && !context.all_namespaces ? context.ns : "");
  add("labelSelector", context.selector);
  add("fieldSelector", context.field_selector);
  return query;
}

Result<std::vector<Json>> ListAll(const Context& context, const std::string& path, const std::string& query) {
  std::vector<Json> items;
  std::string mark;
  do {
    const std::string more = mark.empty() ? "" : (query.empty() ? "?" : "&") + ("continue=" + Escape(mark));
    const Result<Json> page = context.client.Get(path + query + more);
    if (!page) return page.error();
    for (Json& item : Items(*page)) items.push_back(std::move(item));
    mark = Text(*page, "continue");
  } while (!mark.empty());
  return items;
}

}  // namespace weft::ctl
