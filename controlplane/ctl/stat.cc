// weftctl stat [SERVICE…]: success, rate and latency per service, as `linkerd viz stat` prints them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

std::string Formatted(const char* format, double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

double Number(const Json& value, const char* key) {
  const auto found = value.find(key);
  return found != value.end() && found->is_number() ? found->get<double>() : 0;
}

std::string Milliseconds(const Json& times, const char* key, double requests) {
  if (requests <= 0 || !times.contains(key)) return {};
  return Formatted("%.0fms", std::round(Number(times, key)));
}

std::vector<std::string> StatRow(const Context& context, const std::string& key, const Json& stat) {
  const std::size_t slash = key.find('/');
  const std::string name = slash == std::string::npos ? key : key.substr(slash + 1);
  const double requests = Number(stat, "requests");
  std::vector<std::string> row;
  if (context.all_namespaces) row.push_back(slash == std::string::npos ? "default" : key.substr(0, slash));
  row.insert(row.end(), {name, Text(stat, "meshed") + "/" + Text(stat, "instances"),
                         requests > 0 ? Formatted("%.2f%%", 100 * Number(stat, "successRate")) : "",
                         Formatted("%.1frps", Number(stat, "rps")), Milliseconds(stat, "p50Ms", requests),
                         Milliseconds(stat, "p95Ms", requests), Milliseconds(stat, "p99Ms", requests)});
  if (context.format == Format::kWide)
    row.insert(row.end(), {Text(stat, "requests"), Text(stat, "retries"), Text(stat, "circuit")});
  return row;
}

Table StatTable(const Context& context) {
  std::vector<Column> columns;
  if (context.all_namespaces) columns.push_back({"NAMESPACE"});
  columns.push_back({"NAME"});
  for (const char* name : {"MESHED", "SUCCESS", "RPS", "LATENCY_P50", "LATENCY_P95", "LATENCY_P99"})
    columns.push_back({name, Align::kRight});
  if (context.format == Format::kWide)
    columns.insert(columns.end(), {{"REQUESTS", Align::kRight}, {"RETRIES", Align::kRight}, {"CIRCUIT"}});
  return Table(std::move(columns));
}

Status RunStat(Context& context, const std::vector<std::string>& wanted) {
  const Result<Json> answer = context.client.Get("/api/v1/stats/services");
  if (!answer) return answer.error();
  Table table = StatTable(context);
  std::vector<Json> items;
  for (const Json& stat : Items(*answer)) {
    const NamespacedName name = {Text(stat, "namespace"), Text(stat, "name")};
    const bool here = context.all_namespaces || name.ns == context.ns;
    const bool asked =
        wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& text) {
          const NamespacedName one = SplitName(context, text);
          return one.ns == name.ns && one.name == name.name;
        });
    if (!asked || (wanted.empty() && !here)) continue;
    table.Add(StatRow(context, name.ns + "/" + name.name, stat));
    items.push_back(stat);
  }
  PrintList(context, items, table);
  return {};
}

}  // namespace

void AddStat(CLI::App& app, Action& action) {
  auto services = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("stat", "Print success rate, request rate and latency per service");
  verb->add_option("services", *services, "[NAMESPACE/]SERVICE; none: all of the namespace");
  verb->callback(
      [services, &action] { action = [services](Context& context) { return RunStat(context, *services); }; });
}

}  // namespace weft::ctl
