// weftctl agents [list | accept ID]: who is connected, what each holds, and why something was refused.
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controlplane/ctl/verbs.h"

namespace weft::ctl {
namespace {

std::string StateOf(const Json& agent) {
  if (Text(agent, "awaitingAccept") == "true") return "awaiting accept";
  return Text(agent, "partial") == "true" ? "partial" : "in sync";
}

// "demo/cart: ports[0].port: must be 1 to 65535"
std::string NackText(const Json& nack) {
  const std::string field = Text(nack, "field"), reason = Text(nack, "reason");
  return reason.empty() ? "" : Text(nack, "service") + ": " + (field.empty() ? "" : field + ": ") + reason;
}

Table AgentTable(const Context& context, const std::vector<Json>& agents) {
  std::vector<Column> columns;
  if (context.all_namespaces) columns.push_back({"NAMESPACE"});
  columns.insert(columns.end(),
                 {{"ID"}, {"SERVICE"}, {"VERSION"}, {"REVISION"}, {"STATE"}, {"CONNECTED"}, {"LAST NACK"}});
  if (context.format == Format::kWide)
    columns.insert(columns.end(), {{"STORE"}, {"SERVICES"}, {"CERTIFICATE UNTIL"}});
  Table table(std::move(columns));
  for (const Json& agent : agents) {
    const Json held = agent.value("held", Json::object());
    const Json nack = agent.value("lastNack", Json::object());
    std::vector<std::string> row;
    if (context.all_namespaces) row.push_back(Text(agent, "namespace"));
    row.insert(row.end(),
               {Text(agent, "id"), Text(agent, "service"), Text(agent, "version"), Text(held, "revision"),
                StateOf(agent), Age(context, Text(agent, "connectedSince")), NackText(nack)});
    if (context.format == Format::kWide) {
      row.insert(row.end(),
                 {Text(held, "storeId"), Text(agent, "subscriptions"), Text(agent, "certificateUntil")});
    }
    table.Add(std::move(row));
  }
  return table;
}

// Agents of every namespace are listed unless -n was given: who is connected is a question about the mesh.
Status ListAgents(Context& context) {
  context.all_namespaces = !context.one_namespace;
  const auto agents = ListAll(context, "/api/v1/agents", ListQuery(context, true));
  if (!agents) return agents.error();
  PrintList(context, *agents, AgentTable(context, *agents));
  return {};
}

Status AcceptAgent(Context& context, const std::string& id) {
  const Result<Json> answer = context.client.Post("/api/v1/agents/" + Escape(id) + ":accept", {}, {});
  if (!answer) return answer.error();
  context.out << "agent \"" << id << "\" told to accept the new store's configuration\n";
  return {};
}

}  // namespace

void AddAgents(CLI::App& app, Action& action) {
  auto id = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("agents", "Print connected agents and what they hold; accept a new store");
  verb->fallthrough();
  CLI::App* list = verb->add_subcommand("list", "Print connected agents (the default)");
  CLI::App* accept =
      verb->add_subcommand("accept", "Let an agent take a new store's configuration that it holds back");
  list->fallthrough();
  accept->fallthrough();
  accept->add_option("id", *id, "The agent")->required();
  verb->callback([id, accept, &action] {
    if (accept->parsed()) {
      action = [id](Context& context) { return AcceptAgent(context, *id); };
    } else {
      action = ListAgents;
    }
  });
}

}  // namespace weft::ctl
