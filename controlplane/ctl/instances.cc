// weftctl instances SERVICE: who serves it, from files and leases together.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "controlplane/ctl/instance_path.h"
#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

std::string PortOf(const Json& instance) {
  const std::string port = Text(instance, "port");
  if (!port.empty() && port != "0") return port;
  std::string text;
  const auto ports = instance.find("ports");
  if (ports == instance.end() || !ports->is_object()) return text;
  for (const auto& [name, number] : ports->items())
    text += (text.empty() ? "" : ",") + name + "=" + number.dump();
  return text;
}

std::string HealthOf(const Json& instance) {
  if (Text(instance, "draining") == "true") return "draining";
  const std::string health = Text(instance, "health");
  return health.empty() ? "unknown" : health;
}

std::string SourceOf(const Json& instance) {
  const std::string stale = Text(instance, "staleMs");
  if (stale.empty()) return Text(instance, "source");
  return Text(instance, "source") + " (stale " + AgeText(std::stoll(stale) / 1000) + ")";
}

// "78 (standing 1 x errors 0.85 x speed 0.92)"
std::string ScoreText(const Json& instance) {
  if (!instance.contains("score")) return "-";
  std::string parts;
  for (const char* part : {"standing", "errors", "speed"}) {
    char text[32];
    std::snprintf(text, sizeof text, "%s %.3g", part, instance["scoreParts"].value(part, 1.0));
    parts += (parts.empty() ? "" : " x ") + std::string(text);
  }
  return Text(instance, "score") + " (" + parts + ")";
}

Table InstanceTable(const Context& context, const std::vector<Json>& items) {
  std::vector<Column> columns = {{"ID"},     {"ADDRESS"}, {"PORT"}, {"HEALTH"},
                                 {"WEIGHT"}, {"ZONE"},    {"TTL"},  {"SOURCE"}};
  if (context.format == Format::kWide) {
    columns.push_back({"SCORE"});
    columns.push_back({"LABELS"});
  }
  Table table(std::move(columns));
  for (const Json& item : items) {
    std::vector<std::string> row = {Text(item, "id"),  Text(item, "address"), PortOf(item),
                                    HealthOf(item),    Text(item, "weight"),  Text(item, "zone"),
                                    Text(item, "ttl"), SourceOf(item)};
    if (context.format == Format::kWide) {
      row.push_back(ScoreText(item));
      row.push_back(Text(item, "labels"));
    }
    table.Add(std::move(row));
  }
  return table;
}

Status RunInstances(Context& context, const std::string& service) {
  const auto items = ListAll(context, InstancesPath(SplitName(context, service)), ListQuery(context, false));
  if (!items) return items.error();
  PrintList(context, *items, InstanceTable(context, *items));
  return {};
}

}  // namespace

void AddInstances(CLI::App& app, Action& action) {
  auto service = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("instances", "Print the instances of a service");
  verb->add_option("service", *service, "[NAMESPACE/]SERVICE")->required();
  verb->callback([service, &action] {
    action = [service](Context& context) { return RunInstances(context, *service); };
  });
}

}  // namespace weft::ctl
