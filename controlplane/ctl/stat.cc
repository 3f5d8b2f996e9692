// weftctl stat [SERVICE…]: success, rate and latency per service, as `linkerd viz stat` prints them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "controlplane/ctl/flow.h"
#include "controlplane/ctl/kinds.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

std::vector<std::string> StatRow(const Context& context, const std::string& key, const Json& stat) {
  const std::size_t slash = key.find('/');
  const std::string name = slash == std::string::npos ? key : key.substr(slash + 1);
  std::vector<std::string> row;
  if (context.all_namespaces) row.push_back(slash == std::string::npos ? "default" : key.substr(0, slash));
  row.insert(row.end(),
             {name, Text(stat, "meshed") + "/" + Text(stat, "instances"), SuccessText(stat), RateText(stat),
              LatencyText(stat, "p50Ms"), LatencyText(stat, "p95Ms"), LatencyText(stat, "p99Ms")});
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
